#include "base/thread.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace base {

namespace {
constexpr std::size_t kMostOctets = 15;  // pthread_setname_np(3)
}

void name_thread(const std::string& name) {
    (void)::pthread_setname_np(::pthread_self(), name.substr(0, kMostOctets).c_str());
}

void lower_priority(int niceness) {
    (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), niceness);
}

}  // namespace base
