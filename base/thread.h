#pragma once

/// What a thread is called and how it stands behind the others.
///
/// Of the calling thread alone; on Linux names and priorities belong to threads. A priority that
/// cannot be had, as in some sandboxes, leaves things as they are: nothing depends on it.

#include <string>

namespace base {

/// As `top -H` and debuggers show it; what is beyond 15 octets is left out.
void name_thread(const std::string& name);

/// Gives way to threads with less niceness (0, as those that answer, to 19). Not to be undone
/// without privileges.
void lower_priority(int niceness);

}  // namespace base
