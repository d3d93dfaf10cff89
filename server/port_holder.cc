#include "server/port_holder.h"

#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>

namespace server {

namespace {

/// The inode of the socket that listens on this port, from /proc/net; empty if none is found.
std::string socket_inode(const base::Endpoint& address, bool udp) {
    const char* const tables[2] = {udp ? "/proc/net/udp" : "/proc/net/tcp",
                                   udp ? "/proc/net/udp6" : "/proc/net/tcp6"};
    for (const char* table : tables) {
        std::ifstream in(table);
        std::string line;
        std::getline(in, line);  // the heading
        while (std::getline(in, line)) {
            std::istringstream fields(line);
            std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
            fields >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >>
                timeout >> inode;
            constexpr std::string_view kListen = "0A";
            if (!udp && state != kListen) continue;
            const std::size_t colon = local.rfind(':');
            if (colon == std::string::npos) continue;
            unsigned port = 0;
            const char* end = local.data() + local.size();
            std::from_chars(local.data() + colon + 1, end, port, 16);
            if (port == address.port) return inode;
        }
    }
    return {};
}

/// "named (pid 17)" for the process that has this socket open.
std::string process_of(const std::string& inode) {
    const std::string wanted = "socket:[" + inode + "]";
    const auto close_dir = [](DIR* dir) { closedir(dir); };
    using Directory = std::unique_ptr<DIR, decltype(close_dir)>;
    const Directory proc(opendir("/proc"), close_dir);
    if (!proc) return {};
    while (const dirent* entry = readdir(proc.get())) {
        const std::string pid = entry->d_name;
        if (pid.empty() || pid.find_first_not_of("0123456789") != std::string::npos) continue;
        const std::string fds = "/proc/" + pid + "/fd";
        const Directory open_files(opendir(fds.c_str()), close_dir);
        if (!open_files) continue;
        while (const dirent* file = readdir(open_files.get())) {
            char target[64];
            const std::string link = fds + "/" + file->d_name;
            const ssize_t size = readlink(link.c_str(), target, sizeof target);
            if (size <= 0 || wanted != std::string_view(target, static_cast<std::size_t>(size))) {
                continue;
            }
            std::ifstream comm("/proc/" + pid + "/comm");
            std::string name;
            std::getline(comm, name);
            return name + " (pid " + pid + ")";
        }
    }
    return {};
}

}  // namespace

std::string why_not_bindable(const base::Endpoint& address, bool udp) {
    if (address.port == 0) return {};
    const int family = address.address.is_v4() ? AF_INET : AF_INET6;
    const int type = (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC;
    const int fd = socket(family, type, 0);
    const std::string what =
        "cannot listen on " + address.to_text() + " (" + (udp ? "UDP" : "TCP") + "): ";
    if (fd < 0) return what + std::strerror(errno);
    const int on = 1;
    if (!udp) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);  // connections in TIME_WAIT
    if (family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    sockaddr_storage raw{};
    const socklen_t size = address.to_sockaddr(raw);
    int error = 0;
    if (bind(fd, reinterpret_cast<const sockaddr*>(&raw), size) != 0 ||
        (!udp && listen(fd, 1) != 0)) {
        error = errno;
    }
    close(fd);
    if (error == 0) return {};
    if (error == EADDRINUSE) {
        const std::string inode = socket_inode(address, udp);
        const std::string holder = inode.empty() ? std::string() : process_of(inode);
        return what + "the port is taken by " +
               (holder.empty() ? std::string("another process") : holder) +
               "; stop it, or choose another port with --dns or [[listener]]";
    }
    if (error == EACCES) {
        return what + "ports below 1024 need root or the capability CAP_NET_BIND_SERVICE";
    }
    if (error == EADDRNOTAVAIL) return what + "no network interface has this address";
    return what + std::strerror(error);
}

}  // namespace server
