#pragma once

namespace zones_test {

/// A pool, `fra`, and a policy that sends everybody there.
inline constexpr const char* kPool =
    R"({"id":"fra","select":{"method":"all"},"members":[{"id":"m1","A":"192.0.2.10"}]})";
inline constexpr const char* kPolicy =
    R"({"ttl":60,"rules":[{"id":"rest","when":"any","pools":["fra"]}]})";

}  // namespace zones_test
