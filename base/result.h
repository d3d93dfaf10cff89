#pragma once

#include <string>
#include <tl/expected.hpp>
#include <type_traits>
#include <utility>

namespace base {

/// What went wrong, as one sentence an operator can act on: what happened, where, what to do.
struct Error {
    std::string message;
};

/// A value or the reason why there is none. The outside world (packets, files, peers, disks)
/// is answered with a Result, never with an exception. On the wire `E` is a one-byte enum;
/// elsewhere it is `Error` or a type that carries more.
template <class T, class E = Error>
using Result = tl::expected<T, E>;

template <class E>
using Unexpected = tl::unexpected<E>;

/// `return base::fail("zone.db:17: ...")` from a function that returns Result<T, Error>.
[[nodiscard]] inline Unexpected<Error> fail(std::string message) {
    return Unexpected<Error>{Error{std::move(message)}};
}

/// `return base::fail(WireError::Truncated)` from a function that returns Result<T, WireError>.
template <class E>
requires(!std::is_convertible_v<E, std::string>)
    [[nodiscard]] constexpr Unexpected<E> fail(E error) {
    return Unexpected<E>{std::move(error)};
}

}  // namespace base
