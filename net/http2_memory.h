#pragma once

#include <cstddef>

namespace net {

/// Memory for an HTTP/2 library in C, which allocates for every stream, head and frame, and mostly
/// what it has just freed: small blocks are kept for the next time (SpareBlocks). Named after the
/// functions of the C library, and like them: null when there is none. Any thread; what one thread
/// frees it keeps itself. `user` is of no meaning.
void* http2_malloc(std::size_t size, void* user) noexcept;
void http2_free(void* block, void* user) noexcept;
void* http2_calloc(std::size_t count, std::size_t size, void* user) noexcept;
void* http2_realloc(void* block, std::size_t size, void* user) noexcept;

}  // namespace net
