#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace admin {

/// Finds the RRset documents in the body of a whole zone as it arrives, and holds one at a time:
/// the elements of the array "rrsets" of a JSON object, or the lines of NDJSON. One thread.
class RRsetDocuments {
  public:
    enum class Format : std::uint8_t { Object, Lines };
    static constexpr std::size_t kMaxOctets = std::size_t{1} << 20;  // of one document

    struct Item {
        std::string_view text;  // not looked into; good until the call returns
        std::uint64_t line = 0;
        std::uint64_t index = 0;
        bool too_long = false;  // the text is cut off
    };
    using Take = std::function<void(const Item&)>;
    RRsetDocuments(Format format, Take take) : format_(format), take_(std::move(take)) {}

    void feed(std::string_view text);
    /// After the last piece.
    void finish();

    /// Of an object, what is left of it without the elements of "rrsets", for a JSON parser; it
    /// says what is wrong with it. At most kMaxOctets: see `rest_too_long`.
    [[nodiscard]] const std::string& rest() const noexcept { return rest_; }
    [[nodiscard]] bool rest_too_long() const noexcept { return rest_too_long_; }

  private:
    void take_line(char c);
    void take_outside(char c);
    void take_inside(char c);
    [[nodiscard]] bool in_string(char c) noexcept;
    void keep(char c);
    void keep_rest(char c);
    void end_item();

    const Format format_;
    const Take take_;
    std::uint64_t line_ = 1;
    std::string item_;
    std::uint64_t item_line_ = 0;
    std::uint64_t items_ = 0;
    bool item_too_long_ = false;
    // Of an object.
    bool inside_ = false;  // the array
    bool comma_ = false;   // stands before the element at hand
    bool string_ = false;
    bool escaped_ = false;
    std::size_t depth_ = 0;  // of the object; inside, of an element
    std::string word_;       // the last string of the object itself, as written
    bool value_ = false;     // a colon stands before what comes
    std::string rest_;
    bool rest_too_long_ = false;
};

}  // namespace admin
