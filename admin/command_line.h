#pragma once

#include <functional>
#include <string>
#include <vector>

namespace admin {

/// What `meridian serve` was told; empty members leave the configuration as it is.
struct ServeOptions {
    std::string config;  // file; empty: /etc/meridian/meridian.toml if it exists
    std::string data_dir;
    std::vector<std::string> dns;  // ADDR:PORT
    std::string admin;             // ADDR:PORT
};

/// The commands that are not a client's: main gives them.
struct ServerCommands {
    std::function<int(const ServeOptions&)> serve;
    std::function<int(const std::string& file)> check_config;  // empty: the default file
};

/// The command line of the whole program (CLI11 stays in command_line.cc). Reads the arguments,
/// runs the command, and returns the exit status: 0 done, 1 refused or failed, 2 usage. Client
/// commands connect to a running server; see client_commands.h.
[[nodiscard]] int run_command_line(int argc, const char* const* argv,
                                   const ServerCommands& commands);

}  // namespace admin
