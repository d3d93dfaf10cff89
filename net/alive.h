#pragma once

#include <memory>

namespace net {

/// Lets an object that calls its owner back find out whether it was destroyed by that call.
///
///     const auto alive = alive_.watch();
///     handler_->on_read(octets);
///     if (!*alive) return;
///
/// A member of the object that may go; one thread.
class Alive {
  public:
    Alive() = default;
    Alive(const Alive&) = delete;
    Alive& operator=(const Alive&) = delete;
    ~Alive() { *flag_ = false; }

    [[nodiscard]] std::shared_ptr<const bool> watch() const { return flag_; }

  private:
    std::shared_ptr<bool> flag_ = std::make_shared<bool>(true);
};

}  // namespace net
