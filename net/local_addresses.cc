#include "net/local_addresses.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <utility>

#include "net/descriptor.h"

namespace net {
namespace {

constexpr std::size_t kDatagramOctets = 32768;  // as large as the kernel makes them
constexpr std::chrono::milliseconds kFirstScan{1000};
constexpr std::chrono::milliseconds kScanAgain{100};  // a listing that was lost, or not sent
constexpr unsigned kMaxDatagramsPerWakeUp = 64;

bool is_link_local(const base::IpAddress& address) noexcept {
    const base::Octets octets = address.octets();
    return !address.is_v4() && octets[0] == 0xfe && (octets[1] & 0xc0) == 0x80;
}

struct Told {
    LocalAddress of;
    bool usable = false;
};

/// The address an RTM_NEWADDR or RTM_DELADDR message is about.
bool read_address(base::Octets body, Told& out) noexcept {
    ifaddrmsg head{};
    if (body.size() < sizeof head) return false;
    std::memcpy(&head, body.data(), sizeof head);
    if (head.ifa_family != AF_INET && head.ifa_family != AF_INET6) return false;
    const std::size_t wanted = head.ifa_family == AF_INET ? 4 : 16;
    std::uint32_t flags = head.ifa_flags;
    base::Octets local, address;
    for (body = body.subspan(NLMSG_ALIGN(sizeof head)); body.size() >= sizeof(rtattr);) {
        rtattr attribute{};
        std::memcpy(&attribute, body.data(), sizeof attribute);
        if (attribute.rta_len < sizeof attribute || attribute.rta_len > body.size()) return false;
        const base::Octets value =
            body.subspan(RTA_LENGTH(0), attribute.rta_len - std::size_t{RTA_LENGTH(0)});
        if (attribute.rta_type == IFA_LOCAL && value.size() == wanted) local = value;
        if (attribute.rta_type == IFA_ADDRESS && value.size() == wanted) address = value;
        if (attribute.rta_type == IFA_FLAGS && value.size() == sizeof flags) {
            std::memcpy(&flags, value.data(), sizeof flags);
        }
        body = body.subspan(std::min<std::size_t>(body.size(), RTA_ALIGN(attribute.rta_len)));
    }
    // Of a point-to-point link IFA_ADDRESS is the other end.
    const base::Octets ours = local.empty() ? address : local;
    if (ours.empty()) return false;
    out.of = {base::IpAddress::from_octets(ours), head.ifa_index};
    out.usable =
        (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) == 0 && !is_link_local(out.of.address);
    return true;
}

}  // namespace

AddressTable::News AddressTable::receive(base::Octets datagram) {
    News news;
    while (datagram.size() >= sizeof(nlmsghdr)) {
        nlmsghdr head{};
        std::memcpy(&head, datagram.data(), sizeof head);
        if (head.nlmsg_len < sizeof head || head.nlmsg_len > datagram.size()) break;
        // Changes carry the number of whoever made them, but are no listing.
        const bool listing = (head.nlmsg_flags & NLM_F_MULTI) != 0;
        const bool ours = head.nlmsg_seq == scan_;
        if (listing && ours && (head.nlmsg_flags & NLM_F_DUMP_INTR) != 0) news.scan_lost = true;
        if (head.nlmsg_type == NLMSG_ERROR && ours) news.scan_lost = true;
        if (head.nlmsg_type == NLMSG_DONE && ours) news.scanned = true;
        Told told;
        if ((ours || !listing) &&
            (head.nlmsg_type == RTM_NEWADDR || head.nlmsg_type == RTM_DELADDR) &&
            read_address(datagram.first(head.nlmsg_len).subspan(NLMSG_HDRLEN), told)) {
            const auto at = std::lower_bound(
                entries_.begin(), entries_.end(), told.of,
                [](const Entry& entry, const LocalAddress& of) { return entry.of < of; });
            const bool known = at != entries_.end() && at->of == told.of;
            if (head.nlmsg_type == RTM_DELADDR || !told.usable) {
                if (known) entries_.erase(at);
                news.changed = news.changed || known;
            } else if (known) {
                at->seen = scan_;
            } else {
                entries_.insert(at, {told.of, scan_});
                news.changed = true;
            }
        }
        datagram = datagram.subspan(
            std::min<std::size_t>(datagram.size(), NLMSG_ALIGN(std::size_t{head.nlmsg_len})));
    }
    // A listing that was interrupted may lack addresses that are there.
    if (news.scanned && !news.scan_lost) {
        news.changed |= std::erase_if(entries_, [this](const Entry& entry) {
                            return entry.seen != scan_;
                        }) != 0;
    }
    return news;
}

std::vector<LocalAddress> AddressTable::all() const {
    std::vector<LocalAddress> out;
    for (const Entry& entry : entries_) {
        if (out.empty() || out.back().address != entry.of.address) out.push_back(entry.of);
    }
    return out;
}

struct LocalAddresses::State final : Watcher::Handler {
    State(Loop& loop, LocalAddresses::Handler& whom) : handler(whom), again(loop) {}

    LocalAddresses::Handler& handler;
    Descriptor fd;  // before the watcher, so that it closes after it
    std::unique_ptr<Watcher> watcher;
    Timer again;
    AddressTable table;
    std::uint64_t overruns = 0;
    // Messages are read as the kernel aligns them.
    alignas(nlmsghdr) std::array<std::uint8_t, kDatagramOctets> buffer{};

    [[nodiscard]] bool ask() noexcept {
        struct {
            nlmsghdr head;
            ifaddrmsg what;
        } request{};
        request.head.nlmsg_len = sizeof request;
        request.head.nlmsg_type = RTM_GETADDR;
        request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        request.head.nlmsg_seq = table.next_scan();
        request.what.ifa_family = AF_UNSPEC;
        if (send(fd.get(), &request, sizeof request, 0) != sizeof request) return false;
        table.begin_scan();
        return true;
    }

    void scan() {
        if (!ask()) scan_later();  // a listing is in the making (EBUSY), or there is no memory
    }
    void scan_later() {
        again.start(kScanAgain, [this] { scan(); });
    }

    /// One datagram. False: there is none; `news.scan_lost` when some were lost.
    bool read(AddressTable::News& news) {
        news = {};
        sockaddr_nl from{};
        socklen_t length = sizeof from;
        const ssize_t got = recvfrom(fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                                     reinterpret_cast<sockaddr*>(&from), &length);
        if (got < 0 && errno == ENOBUFS) {
            ++overruns;
            news.scan_lost = true;
            return true;
        }
        if (got < 0) return errno == EINTR;
        if (from.nl_pid != 0) return true;  // not from the kernel
        news = table.receive({buffer.data(), static_cast<std::size_t>(got)});
        return true;
    }

    void on_ready(Watcher::Ready) override {
        bool changed = false, lost = false;
        AddressTable::News news;
        for (unsigned i = 0; i < kMaxDatagramsPerWakeUp && read(news); ++i) {
            changed = changed || news.changed;
            lost = lost || news.scan_lost;
        }
        if (lost) scan_later();
        if (changed) handler.on_addresses();
    }
};

base::Result<std::unique_ptr<LocalAddresses>> LocalAddresses::open(Loop& loop, Handler& handler) {
    const std::string what = "cannot follow the addresses of this machine";
    auto state = std::make_unique<State>(loop, handler);
    state->fd.reset(socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (!state->fd) return base::fail(system_error(what, errno));
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
    if (::bind(state->fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        !state->ask()) {
        return base::fail(system_error(what, errno));
    }
    const auto end = std::chrono::steady_clock::now() + kFirstScan;
    for (AddressTable::News news; !news.scanned || news.scan_lost;) {
        if (!state->read(news)) {
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                end - std::chrono::steady_clock::now());
            pollfd ready{state->fd.get(), POLLIN, 0};
            if (left.count() <= 0 || poll(&ready, 1, static_cast<int>(left.count())) == 0) {
                return base::fail(what + ": the kernel does not list them");
            }
        } else if (news.scan_lost) {
            state->scan_later();  // meanwhile those that are known will do
            break;
        }
    }
    auto watcher = Watcher::create(loop, state->fd.get(), *state);
    if (!watcher) return base::fail(watcher.error().message);
    state->watcher = std::move(*watcher);
    state->watcher->watch(true, false);
    return std::unique_ptr<LocalAddresses>(new LocalAddresses(std::move(state)));
}

LocalAddresses::LocalAddresses(std::unique_ptr<State> state) : state_(std::move(state)) {}
LocalAddresses::~LocalAddresses() = default;

std::vector<LocalAddress> LocalAddresses::all() const {
    return state_->table.all();
}

std::uint64_t LocalAddresses::overruns() const noexcept {
    return state_->overruns;
}

}  // namespace net
