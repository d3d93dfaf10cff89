#include <linux/filter.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "net/udp_socket.h"

namespace net {
namespace {

/// The bits that are set in a mask as the kernel writes it: "ff,00000003".
unsigned cpus_of_mask(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::string text;
    if (!(file >> text)) return 0;
    unsigned bits = 0;
    for (const char c : text) {
        if (c == ',') continue;
        const unsigned digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                               : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a' + 10)
                                                      : 0;
        for (unsigned bit = 1; bit < 16; bit *= 2) bits += (digit & bit) != 0 ? 1 : 0;
    }
    return bits;
}

}  // namespace

base::Result<void> steer_by_cpu(int descriptor) {
    // Returns the number of the CPU, which the kernel takes for the number of the socket.
    std::array<sock_filter, 2> program = {
        {{BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<__u32>(SKF_AD_OFF + SKF_AD_CPU)},
         {BPF_RET | BPF_A, 0, 0, 0}}};
    const sock_fprog described{static_cast<unsigned short>(program.size()), program.data()};
    if (setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &described,
                   sizeof described) != 0) {
        return base::fail(system_error("cannot steer datagrams by CPU", errno));
    }
    return {};
}

unsigned receive_queues(std::uint32_t interface_index) {
    std::array<char, IF_NAMESIZE> name{};
    if (if_indextoname(interface_index, name.data()) == nullptr) return 1;
    const std::filesystem::path folder =
        std::filesystem::path("/sys/class/net") / name.data() / "queues";
    std::error_code failed;
    unsigned queues = 0, steered = 0;
    for (std::filesystem::directory_iterator entry(folder, failed), end; !failed && entry != end;
         entry.increment(failed)) {
        if (!entry->path().filename().string().starts_with("rx-")) continue;
        ++queues;
        steered = std::max(steered, cpus_of_mask(entry->path() / "rps_cpus"));
    }
    return std::max({1U, queues, steered});
}

}  // namespace net
