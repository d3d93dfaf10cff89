#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "admin/json.h"

namespace admin {

/// JSON as people read it and Git compares it: what fits into a line stands on one, the rest over
/// several. The same value gives the same text.
[[nodiscard]] std::string pretty_json(const Json& value, std::size_t indent = 0);

/// Writes one JSON value, part after part, in that form: a document of any size in constant memory.
/// One thread.
class DocumentWriter {
  public:
    /// `out` is borrowed. Its state says whether all could be written.
    explicit DocumentWriter(std::ostream& out) : out_(out) {}

    /// Begins an object ('{') or a list ('['). `key` is for a member of an object.
    void open(char bracket, std::string_view key = {});
    void value(const Json& value, std::string_view key = {});
    /// Ends what was begun last; the outermost ends the line, too.
    void close();
    [[nodiscard]] std::size_t depth() const noexcept { return levels_.size(); }

  private:
    void begin(std::string_view key);

    struct Level {
        char end;
        bool empty = true;
    };
    std::ostream& out_;
    std::vector<Level> levels_;
};

}  // namespace admin
