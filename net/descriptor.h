#pragma once

#include <string>
#include <string_view>

namespace net {

/// Owns one file descriptor and closes it. Movable, not copyable; -1 is none.
class Descriptor {
  public:
    Descriptor() = default;
    explicit Descriptor(int value) noexcept : value_(value) {}
    ~Descriptor() { reset(); }
    Descriptor(Descriptor&& other) noexcept : value_(other.release()) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        if (this != &other) reset(other.release());
        return *this;
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;

    [[nodiscard]] int get() const noexcept { return value_; }
    explicit operator bool() const noexcept { return value_ >= 0; }
    [[nodiscard]] int release() noexcept {
        const int value = value_;
        value_ = -1;
        return value;
    }
    void reset(int value = -1) noexcept;

  private:
    int value_ = -1;
};

/// "cannot bind 127.0.0.1:53: Permission denied (EACCES)": one sentence for base::fail.
[[nodiscard]] std::string system_error(std::string_view what, int error);

}  // namespace net
