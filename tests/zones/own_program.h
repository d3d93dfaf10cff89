#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace zones_test {

/// Starts this program once more, for one of its tests that are disabled otherwise: a process that
/// may be killed. What it has to know, the environment tells it. Its standard output goes nowhere;
/// `actions` may say more, and are used up.
inline pid_t run_disabled_test(std::string filter, posix_spawn_file_actions_t& actions) {
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    filter.insert(0, "--gtest_filter=");
    std::string self = "/proc/self/exe";
    std::string disabled = "--gtest_also_run_disabled_tests";
    char* arguments[] = {self.data(), filter.data(), disabled.data(), nullptr};
    // It has one test to run, whichever shard this is.
    ::unsetenv("GTEST_TOTAL_SHARDS");
    ::unsetenv("GTEST_SHARD_INDEX");
    pid_t child = 0;
    EXPECT_EQ(::posix_spawn(&child, self.c_str(), &actions, nullptr, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    return child;
}

}  // namespace zones_test
