#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace admin {

/// A command as a shell completes it: made from the description by which the command line itself is
/// read (command_line.cc), so that the two cannot differ. A plain value.
struct CommandShape {
    /// What stands behind an option, or in the place of an argument.
    struct Value {
        enum class Kind : std::uint8_t { None, Word, File, Directory, Choice } kind = Kind::None;
        std::vector<std::string> choices = {};
    };
    struct Option {
        std::vector<std::string> names;  // "--json", "-f"
        std::string help;
        Value value;  // None: a flag
    };
    std::string name, help;
    std::vector<Option> options;
    std::vector<Value> arguments;  // in order
    std::vector<CommandShape> commands;
};

/// The script that a user sources: "bash", "zsh" or "fish"; empty for any other shell.
[[nodiscard]] std::string completion_script(const CommandShape& program, std::string_view shell);

}  // namespace admin
