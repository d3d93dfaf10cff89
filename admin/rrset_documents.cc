#include "admin/rrset_documents.h"

namespace admin {

namespace {

constexpr std::string_view kArray = "rrsets";

bool is_blank(char c) noexcept {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

}  // namespace

void RRsetDocuments::feed(std::string_view text) {
    for (const char c : text) {
        if (format_ == Format::Lines) {
            take_line(c);
        } else if (inside_) {
            take_inside(c);
        } else {
            take_outside(c);
        }
        if (c == '\n') ++line_;
    }
}

void RRsetDocuments::finish() {
    // Of an object that ends too early, the rest tells.
    if (format_ == Format::Lines && !item_.empty()) end_item();
}

void RRsetDocuments::take_line(char c) {
    if (c != '\n') return keep(c);
    if (!item_.empty()) end_item();
}

/// Whether the character belongs to a string, its quotes included.
bool RRsetDocuments::in_string(char c) noexcept {
    if (!string_) {
        string_ = c == '"';
        return string_;
    }
    if (escaped_) {
        escaped_ = false;
    } else if (c == '\\') {
        escaped_ = true;
    } else if (c == '"') {
        string_ = false;
    }
    return true;
}

void RRsetDocuments::take_outside(char c) {
    const bool began = string_;
    if (in_string(c)) {
        keep_rest(c);
        if (depth_ != 1 || value_) return;
        if (!began) {
            word_.clear();
        } else if (string_ && word_.size() <= kArray.size()) {
            word_.push_back(c);
        }
        return;
    }
    keep_rest(c);
    if (c == ':' && depth_ == 1) {
        value_ = true;
    } else if (c == ',' && depth_ == 1) {
        value_ = false;
        word_.clear();
    } else if (c == '[' && depth_ == 1 && value_ && word_ == kArray) {
        inside_ = true;
        comma_ = false;
        depth_ = 0;
    } else if (c == '{' || c == '[') {
        ++depth_;
    } else if ((c == '}' || c == ']') && depth_ > 0) {
        --depth_;
    }
}

void RRsetDocuments::take_inside(char c) {
    if (in_string(c)) return keep(c);
    if (depth_ == 0 && (c == ',' || c == ']')) {
        // An element that is missing is given as an empty text, which is no JSON.
        if (c == ',' || comma_ || !item_.empty()) end_item();
        comma_ = c == ',';
        if (c == ',') return;
        inside_ = false;
        depth_ = 1;
        return keep_rest(c);
    }
    if (c == '{' || c == '[') ++depth_;
    if ((c == '}' || c == ']') && depth_ > 0) --depth_;
    keep(c);
}

void RRsetDocuments::keep(char c) {
    if (item_.empty()) {
        if (is_blank(c)) return;
        item_line_ = line_;
    }
    if (item_.size() < kMaxOctets) {
        item_.push_back(c);
    } else if (!is_blank(c)) {
        item_too_long_ = true;
    }
}

void RRsetDocuments::keep_rest(char c) {
    if (rest_.size() < kMaxOctets) {
        rest_.push_back(c);
    } else {
        rest_too_long_ = true;
    }
}

void RRsetDocuments::end_item() {
    take_({item_, item_.empty() ? line_ : item_line_, items_++, item_too_long_});
    item_.clear();
    item_too_long_ = false;
}

}  // namespace admin
