#include "zones/geo.h"

#include <fcntl.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <unordered_set>

namespace zones {

namespace {

constexpr unsigned kMaxDepth = 128;
constexpr std::size_t kMaxNetworks = 50'000'000;  // more is a tree that shares nodes in bad faith

/// A path into a record as libmaxminddb wants it: strings and a null at the end.
using Path = std::vector<const char*>;

/// A descriptor that closes itself.
class Fd {
  public:
    explicit Fd(int fd) : fd_(fd) {}
    ~Fd() {
        if (fd_ >= 0) close(fd_);
    }
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    [[nodiscard]] int get() const { return fd_; }

  private:
    int fd_;
};

std::string_view text_of(const MMDB_entry_data_s& data) noexcept {
    if (!data.has_data || data.type != MMDB_DATA_TYPE_UTF8_STRING) return {};
    return {data.utf8_string, data.data_size};
}

}  // namespace

/// One open file, copied into memory, so that nobody can take it from under us.
struct Database {
    std::string file;
    MMDB_s db{};
    bool open = false;

    Database() = default;
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;
    ~Database() {
        if (open) MMDB_close(&db);
    }

    base::Result<void> load(const std::string& path);
    base::Result<void> verify() const;
    void visit(const std::function<void(const base::IpPrefix&)>& each) const;
    [[nodiscard]] MMDB_lookup_result_s find(const base::IpAddress& address) const noexcept;
};

base::Result<void> Database::load(const std::string& path) {
    file = path;
    const Fd from(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (from.get() < 0) return base::fail(path + ": " + std::strerror(errno));
    const Fd memory(memfd_create("meridian-geo", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (memory.get() < 0) return base::fail(path + ": no memory: " + std::strerror(errno));
    std::vector<char> buffer(1 << 20);
    for (;;) {
        const ssize_t got = read(from.get(), buffer.data(), buffer.size());
        if (got < 0) return base::fail(path + ": " + std::strerror(errno));
        if (got == 0) break;
        for (ssize_t done = 0; done < got;) {
            const ssize_t put =
                write(memory.get(), buffer.data() + done, static_cast<std::size_t>(got - done));
            if (put < 0) return base::fail(path + ": no memory: " + std::strerror(errno));
            done += put;
        }
    }
    fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    const std::string own = "/proc/self/fd/" + std::to_string(memory.get());
    const int status = MMDB_open(own.c_str(), MMDB_MODE_MMAP, &db);
    if (status != MMDB_SUCCESS) {
        return base::fail(path + ": not a usable location database: " + MMDB_strerror(status));
    }
    open = true;
    return verify();
}

/// Every node once, every distinct data record decoded once.
base::Result<void> Database::verify() const {
    const std::uint32_t nodes = db.metadata.node_count;
    std::vector<bool> seen(nodes, false);
    std::unordered_set<std::uint32_t> decoded;
    std::vector<std::uint32_t> todo;
    if (nodes == 0) return base::fail(file + ": the database is empty");
    const auto corrupt = [&](const char* what) {
        return base::fail(file + ": corrupt location database: " + what);
    };
    todo.push_back(0);
    seen[0] = true;
    while (!todo.empty()) {
        MMDB_search_node_s node{};
        const std::uint32_t number = todo.back();
        todo.pop_back();
        if (MMDB_read_node(const_cast<MMDB_s*>(&db), number, &node) != MMDB_SUCCESS) {
            return corrupt("a node of the search tree cannot be read");
        }
        const std::uint64_t records[2] = {node.left_record, node.right_record};
        const std::uint8_t types[2] = {node.left_record_type, node.right_record_type};
        MMDB_entry_s entries[2] = {node.left_record_entry, node.right_record_entry};
        for (int side = 0; side < 2; ++side) {
            switch (types[side]) {
                case MMDB_RECORD_TYPE_EMPTY:
                    break;
                case MMDB_RECORD_TYPE_SEARCH_NODE:
                    if (records[side] >= nodes) return corrupt("a node points outside the tree");
                    if (!seen[records[side]]) {
                        seen[records[side]] = true;
                        todo.push_back(static_cast<std::uint32_t>(records[side]));
                    }
                    break;
                case MMDB_RECORD_TYPE_DATA: {
                    if (!decoded.insert(entries[side].offset).second) break;
                    MMDB_entry_data_list_s* list = nullptr;
                    const int status = MMDB_get_entry_data_list(&entries[side], &list);
                    MMDB_free_entry_data_list(list);
                    if (status != MMDB_SUCCESS) return corrupt("a data record cannot be decoded");
                    break;
                }
                default:
                    return corrupt("a node holds an invalid record");
            }
        }
    }
    return {};
}

void Database::visit(const std::function<void(const base::IpPrefix&)>& each) const {
    struct Place {
        std::uint32_t node;
        std::uint8_t depth;
        std::uint8_t address[16];
    };
    const bool tree_is_v6 = db.metadata.ip_version == 6;
    const unsigned bits = tree_is_v6 ? kMaxDepth : 32;
    const std::uint32_t v4_root =
        tree_is_v6 && db.ipv4_start_node.netmask == 96 ? db.ipv4_start_node.node_value : 0;
    std::vector<Place> todo = {Place{0, 0, {}}};
    std::size_t found = 0;
    while (!todo.empty() && found < kMaxNetworks) {
        const Place place = todo.back();
        todo.pop_back();
        MMDB_search_node_s node{};
        if (place.depth >= bits ||
            MMDB_read_node(const_cast<MMDB_s*>(&db), place.node, &node) != MMDB_SUCCESS) {
            continue;
        }
        const std::uint64_t records[2] = {node.left_record, node.right_record};
        const std::uint8_t types[2] = {node.left_record_type, node.right_record_type};
        for (unsigned side = 0; side < 2; ++side) {
            Place next = place;
            if (side == 1) {
                next.address[place.depth / 8] = static_cast<std::uint8_t>(
                    next.address[place.depth / 8] | (0x80U >> (place.depth % 8)));
            }
            next.depth = static_cast<std::uint8_t>(place.depth + 1);
            const auto all_zero = [&next] {
                for (unsigned i = 0; i < 12; ++i) {
                    if (next.address[i] != 0) return false;
                }
                return true;
            };
            const bool in_v4 = tree_is_v6 && next.depth >= 96 && all_zero();
            if (types[side] == MMDB_RECORD_TYPE_SEARCH_NODE) {
                // ::ffff:0:0/96, 2002::/16 and others are aliases of the IPv4 tree.
                if (v4_root != 0 && records[side] == v4_root && !in_v4) continue;
                next.node = static_cast<std::uint32_t>(records[side]);
                todo.push_back(next);
            } else if (types[side] == MMDB_RECORD_TYPE_DATA) {
                ++found;
                base::IpPrefix prefix;
                if (!tree_is_v6) {
                    prefix = {base::IpAddress::from_octets({next.address, 4}), next.depth};
                } else if (in_v4) {
                    prefix = {base::IpAddress::from_octets({next.address + 12, 4}),
                              static_cast<std::uint8_t>(next.depth - 96)};
                } else {
                    prefix = {base::IpAddress::from_octets({next.address, 16}), next.depth};
                }
                each(prefix);
            }
        }
    }
}

MMDB_lookup_result_s Database::find(const base::IpAddress& address) const noexcept {
    sockaddr_storage raw{};
    base::Endpoint{address, 0}.to_sockaddr(raw);
    int error = MMDB_SUCCESS;
    MMDB_lookup_result_s none{};
    if (!address.is_v4() && db.metadata.ip_version == 4) return none;
    const MMDB_lookup_result_s result =
        MMDB_lookup_sockaddr(&db, reinterpret_cast<const sockaddr*>(&raw), &error);
    return error == MMDB_SUCCESS ? result : none;
}

struct GeoDatabases::State {
    Files files;
    std::vector<std::unique_ptr<Database>> city;
    std::vector<std::unique_ptr<Database>> asn;
    std::vector<Path> country, continent, subdivision, latitude, longitude, as_number;

    static std::vector<Path> paths(const std::vector<std::vector<std::string>>& from) {
        std::vector<Path> out;
        for (const auto& path : from) {
            Path pointers;
            for (const std::string& step : path) pointers.push_back(step.c_str());
            pointers.push_back(nullptr);
            out.push_back(std::move(pointers));
        }
        return out;
    }
    /// The first path that leads to something.
    static MMDB_entry_data_s value(MMDB_entry_s entry, const std::vector<Path>& paths) noexcept {
        MMDB_entry_data_s data{};
        for (const Path& path : paths) {
            if (MMDB_aget_value(&entry, &data, path.data()) == MMDB_SUCCESS && data.has_data) {
                return data;
            }
        }
        data.has_data = false;
        return data;
    }
    static bool number(const MMDB_entry_data_s& data, double& out) noexcept {
        if (!data.has_data) return false;
        if (data.type == MMDB_DATA_TYPE_DOUBLE) {
            out = data.double_value;
        } else if (data.type == MMDB_DATA_TYPE_FLOAT) {
            out = static_cast<double>(data.float_value);
        } else {
            return false;
        }
        return true;
    }
};

GeoDatabases::GeoDatabases() : state_(std::make_unique<State>()) {}
GeoDatabases::~GeoDatabases() = default;

base::Result<std::shared_ptr<const GeoDatabases>> GeoDatabases::open(const Files& files) {
    auto out = std::make_shared<GeoDatabases>();
    State& state = *out->state_;
    state.files = files;  // the paths below point into this copy
    for (const auto& [names, into] :
         {std::pair{&files.city, &state.city}, std::pair{&files.asn, &state.asn}}) {
        for (const std::string& name : *names) {
            auto database = std::make_unique<Database>();
            auto loaded = database->load(name);
            if (!loaded) return base::fail(loaded.error().message);
            into->push_back(std::move(database));
        }
    }
    state.country = State::paths(state.files.country_path);
    state.continent = State::paths(state.files.continent_path);
    state.subdivision = State::paths(state.files.subdivision_path);
    state.latitude = State::paths(state.files.latitude_path);
    state.longitude = State::paths(state.files.longitude_path);
    state.as_number = State::paths(state.files.asn_path);
    return std::shared_ptr<const GeoDatabases>(std::move(out));
}

Location GeoDatabases::locate(const base::IpAddress& address) const noexcept {
    Location out;
    for (const auto& database : state_->city) {
        const MMDB_lookup_result_s found = database->find(address);
        if (!found.found_entry) continue;
        out.country = text_of(State::value(found.entry, state_->country));
        out.continent = text_of(State::value(found.entry, state_->continent));
        out.subdivision = text_of(State::value(found.entry, state_->subdivision));
        out.has_coordinates =
            State::number(State::value(found.entry, state_->latitude), out.latitude) &&
            State::number(State::value(found.entry, state_->longitude), out.longitude);
        break;
    }
    for (const auto& database : state_->asn) {
        const MMDB_lookup_result_s found = database->find(address);
        if (!found.found_entry) continue;
        const MMDB_entry_data_s data = State::value(found.entry, state_->as_number);
        if (data.has_data && data.type == MMDB_DATA_TYPE_UINT32) out.asn = data.uint32;
        if (data.has_data && data.type == MMDB_DATA_TYPE_UINT16) out.asn = data.uint16;
        break;
    }
    return out;
}

bool GeoDatabases::empty() const noexcept {
    return state_->city.empty() && state_->asn.empty();
}

void GeoDatabases::for_each_network(const std::function<void(const base::IpPrefix&)>& visit) const {
    for (const auto& database : state_->city) database->visit(visit);
    for (const auto& database : state_->asn) database->visit(visit);
}

}  // namespace zones
