#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace zones_test {

/// A disk in memory for the database, which fails and forgets as a test wants it to.
///
/// It keeps what was synced and what was not: octets of files, and names made, renamed and removed
/// since a directory was synced, which are lost from the last one on (a journal is in order). Any
/// thread.
class FaultDisk {
  public:
    FaultDisk();
    ~FaultDisk();
    FaultDisk(const FaultDisk&) = delete;
    FaultDisk& operator=(const FaultDisk&) = delete;

    /// For StoreOptions::file_system.
    [[nodiscard]] const std::string& address() const { return address_; }

    /// Operations that change something: counted, for what comes to pass at one of them.
    [[nodiscard]] std::uint64_t operations() const;

    /// At the operation with this number the power goes: what is left is kept aside, decided by the
    /// seed. `now` is called first.
    void lose_power_at(std::uint64_t operation, std::uint32_t seed, std::function<void()> now);
    [[nodiscard]] bool lost_power() const;
    /// The disk as it was left. Nothing may be open.
    void restore_power();

    enum class Kind : std::uint8_t { Write, Sync, Name };
    struct Failure {
        std::string in_name;  // of files whose name holds this; empty: all
        std::vector<Kind> kinds;
        bool no_space = false;    // else an input/output error
        std::uint64_t after = 0;  // this many that would have failed do not
        std::uint64_t times = 1;
    };
    void fail(Failure failure);
    void heal();
    [[nodiscard]] std::uint64_t failures() const;  // so far

    /// Names that hold `in_name`, with their sizes.
    [[nodiscard]] std::map<std::string, std::size_t> files(std::string_view in_name) const;
    void flip_bit(const std::string& name, std::size_t octet, unsigned bit);
    void cut(const std::string& name, std::size_t octets);
    void remove(const std::string& name);

    struct State;

  private:
    std::string address_;
    std::shared_ptr<State> state_;
};

}  // namespace zones_test
