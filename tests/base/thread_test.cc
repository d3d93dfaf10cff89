#include "base/thread.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <thread>

namespace base_test {
namespace {

int niceness() {
    return ::getpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)));
}

TEST(Thread, NameAndNicenessAreItsOwn) {
    const int before = niceness();
    std::thread([before] {
        base::name_thread("a name that is far too long");
        std::array<char, 32> name{};
        EXPECT_EQ(::pthread_getname_np(::pthread_self(), name.data(), name.size()), 0);
        EXPECT_STREQ(name.data(), "a name that is ");
        base::lower_priority(before + 1 > 19 ? 19 : before + 1);
        EXPECT_EQ(niceness(), before + 1 > 19 ? 19 : before + 1);
    }).join();
    EXPECT_EQ(niceness(), before);
}

}  // namespace
}  // namespace base_test
