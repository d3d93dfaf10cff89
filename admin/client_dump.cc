// meridian dump: what a server has, as documents.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <set>

#include "admin/client_commands.h"
#include "admin/document_set.h"
#include "admin/document_writer.h"
#include "admin/documents.h"
#include "admin/offline_import.h"
#include "admin/tokens.h"

namespace admin {

namespace {

namespace fs = std::filesystem;

// How every file of zones that a dump writes begins: only such files does a later dump remove.
constexpr std::string_view kZonesFileHead = "{\n  \"zones\": [";

// Where the documents go: one stream, or a tree of files, which are put in place together when all
// of them are there.
class DumpTarget {
  public:
    // Empty: standard output.
    explicit DumpTarget(std::string directory) : directory_(std::move(directory)) {}
    ~DumpTarget() {
        std::error_code ignored;
        for (const std::string& name : files_) fs::remove(temporary(name), ignored);
    }
    DumpTarget(const DumpTarget&) = delete;
    DumpTarget& operator=(const DumpTarget&) = delete;

    [[nodiscard]] bool is_tree() const { return !directory_.empty(); }

    // The next file of a tree.
    void begin_file(const std::string& name) {
        end_file();
        std::error_code error;
        fs::create_directories(temporary(name).parent_path(), error);
        file_ = std::make_unique<std::ofstream>(temporary(name), std::ios::binary);
        files_.insert(name);
        current_ = name;
        note(*file_, name);
        writer_ = std::make_unique<DocumentWriter>(*file_);
    }
    DocumentWriter& writer() {
        if (!writer_) writer_ = std::make_unique<DocumentWriter>(std::cout);
        return *writer_;
    }
    // Empty: all is well.
    [[nodiscard]] const std::string& problem() const { return problem_; }
    void check() {
        if (!is_tree()) note(std::cout, "standard output");
        if (file_) note(*file_, current_);
    }

    void finish() {
        while (writer().depth() > 0) writer().close();
        if (!is_tree()) {
            std::cout.flush();
            return check();
        }
        end_file();
        for (const std::string& name : files_) {
            if (!problem_.empty()) return;
            std::error_code error;
            fs::rename(temporary(name), fs::path(directory_) / name, error);
            if (error) problem_ = path_text(name) + ": " + error.message();
        }
        if (problem_.empty()) remove_stale();
    }

  private:
    [[nodiscard]] fs::path temporary(const std::string& name) const {
        return fs::path(directory_) / (name + ".new");
    }
    [[nodiscard]] std::string path_text(const std::string& name) const {
        return (fs::path(directory_) / name).string();
    }
    void note(std::ostream& out, const std::string& name) {
        if (!out.good() && problem_.empty()) {
            problem_ = (is_tree() ? path_text(name) : name) + ": cannot be written";
        }
    }
    void end_file() {
        if (!file_) return;
        while (writer_->depth() > 0) writer_->close();
        file_->flush();
        note(*file_, current_);
        writer_.reset();
        file_.reset();
    }

    // Zones that are gone: their files would bring them back.
    void remove_stale() {
        std::error_code error;
        std::vector<std::string> stale;
        for (const auto& entry : fs::directory_iterator(fs::path(directory_) / "zones", error)) {
            stale.push_back("zones/" + entry.path().filename().string());
        }
        stale.emplace_back("zones.json");
        for (const std::string& name : stale) {
            if (files_.count(name) != 0 || !name.ends_with(".json")) continue;
            std::ifstream in(path_text(name), std::ios::binary);
            std::string head(kZonesFileHead.size(), '\0');
            in.read(head.data(), static_cast<std::streamsize>(head.size()));
            if (in && head == kZonesFileHead) fs::remove(path_text(name), error);
        }
    }

    const std::string directory_;
    std::set<std::string> files_;
    std::string current_;
    std::unique_ptr<std::ofstream> file_;
    std::unique_ptr<DocumentWriter> writer_;
    std::string problem_;
};

// Names that no file system takes are cut, and told apart by a digest of the whole.
std::string zone_file(const std::string& name) {
    constexpr std::size_t kLongest = 200;
    std::string text = encode_segment(name);
    if (name == ".") text = "%2E";  // no hidden file
    while (text.ends_with('.')) text.pop_back();
    if (text.size() > kLongest) {
        text = text.substr(0, kLongest) + '~' + base::to_hex(sha256(name)).substr(0, 16);
    }
    return "zones/" + text + ".json";
}

// Turns the lines of GET /v1/dump into documents as they come.
class DumpShape {
  public:
    explicit DumpShape(DumpTarget& target) : target_(target) {}

    // False: this is no line of a dump.
    bool take(std::string_view text) {
        const auto line = Json::parse(text);
        const Json* kind = line ? line->find("kind") : nullptr;
        if (kind == nullptr || kind->as_string() == nullptr) return false;
        if (*kind->as_string() == "dump") {
            if (!target_.is_tree()) target_.writer().open('{');
            return true;
        }
        const Json* document = line->find("document");
        if (document == nullptr) return false;
        if (!id_member(*kind->as_string()).empty()) {
            begin_kind(*kind->as_string());
            target_.writer().value(*document);
        } else if (*kind->as_string() == "zones") {
            begin_zone(*document);
        } else {
            if (!in_zone_) return false;
            const Json* view = line->find("view");
            begin_list(view == nullptr ? "" : text_of(*line, "view"), *kind->as_string());
            target_.writer().value(*document);
        }
        target_.check();
        return target_.problem().empty();
    }

    void finish() {
        end_kinds();
        if (in_zone_) end_zone();
        if (!zones_begun_) {
            if (target_.is_tree()) {
                target_.begin_file("zones.json");
                target_.writer().open('{');
            }
            target_.writer().open('[', "zones");
        }
        target_.finish();
    }

  private:
    // Kinds without documents have a list, too: an empty one says that there are none.
    void begin_kind(const std::string& kind) {
        while (more_kinds() && kind_ != kind) next_kind();
    }
    [[nodiscard]] bool more_kinds() const { return next_kind_ < std::size(DocumentSet::kKinds); }
    void next_kind() {
        if (!kind_.empty()) target_.writer().close();
        kind_ = DocumentSet::kKinds[next_kind_++];
        if (target_.is_tree()) {
            target_.begin_file(kind_ + ".json");
            target_.writer().open('{');
        }
        target_.writer().open('[', kind_);
    }
    void end_kinds() {
        if (kinds_ended_) return;
        while (more_kinds()) next_kind();
        target_.writer().close();
        kinds_ended_ = true;
    }

    void begin_zone(const Json& document) {
        end_kinds();
        if (in_zone_) end_zone();
        if (target_.is_tree()) target_.begin_file(zone_file(text_of(document, "name")));
        if (target_.is_tree()) target_.writer().open('{');
        if (target_.is_tree() || !zones_begun_) target_.writer().open('[', "zones");
        zones_begun_ = true;
        target_.writer().open('{');
        for (const Json::Member& member : document.members()) {
            target_.writer().value(member.value, member.key);
        }
        in_zone_ = true;
        view_.clear();
        list_.clear();
    }

    void begin_list(const std::string& view, const std::string& list) {
        DocumentWriter& writer = target_.writer();
        if (view != view_) {
            end_layer();
            if (view_.empty()) {
                writer.open('[', "overlays");
            } else {
                writer.close();
            }
            writer.open('{');
            writer.value(view, "view");
            view_ = view;
            list_.clear();
        }
        if (list_.empty()) {
            writer.open('[', "rrsets");
            list_ = "rrsets";
        }
        if (list_ != list) {
            writer.close();
            writer.open('[', "policies");
            list_ = "policies";
        }
    }
    void end_layer() {
        begin_list(view_, "policies");
        target_.writer().close();
    }
    void end_zone() {
        end_layer();
        if (view_.empty()) {
            target_.writer().open('[', "overlays");
        } else {
            target_.writer().close();
        }
        target_.writer().close();
        target_.writer().close();
        in_zone_ = false;
    }

    DumpTarget& target_;
    std::size_t next_kind_ = 0;
    std::string kind_;  // whose list is open
    bool kinds_ended_ = false;
    bool zones_begun_ = false;
    bool in_zone_ = false;
    std::string view_;  // whose overlay is open; empty: the zone's own data
    std::string list_;  // "rrsets" or "policies", while it is open
};

}  // namespace

bool ClientCommands::read_dump(const std::function<bool(std::string_view)>& take) {
    Client* server = client();
    if (server == nullptr) return false;
    std::string line;
    const auto response = server->stream("/v1/dump", {{"Accept", "application/x-ndjson"}},
                                         [&](std::string_view piece) {
                                             while (!piece.empty()) {
                                                 const std::size_t end = piece.find('\n');
                                                 line += piece.substr(0, end);
                                                 if (end == std::string_view::npos) return true;
                                                 piece.remove_prefix(end + 1);
                                                 if (!take(line)) return false;
                                                 line.clear();
                                             }
                                             return true;
                                         });
    if (!response) {
        complain(response.error().message);
        return false;
    }
    if (response->status != 200) {
        complain("dump", *response);
        return false;
    }
    return true;
}

int ClientCommands::dump(const std::string& directory) {
    DumpTarget target(directory);
    DumpShape shape(target);
    bool understood = true;
    if (!read_dump([&](std::string_view line) { return understood = shape.take(line); })) return 1;
    if (!target.problem().empty()) return complain(target.problem());
    if (!understood) return complain("dump: the server's answer is not understood");
    shape.finish();
    return target.problem().empty() ? 0 : complain(target.problem());
}

}  // namespace admin
