#pragma once

#include <cstddef>
#include <string_view>

#include "base/ip.h"
#include "base/octets.h"
#include "net/peer.h"

namespace net {

/// Receives what happens on a Stream. Calls come on the loop's thread, never from inside a call
/// made on the stream. Every one of them may destroy the stream.
class StreamHandler {
  public:
    virtual ~StreamHandler() = default;
    /// The octets are valid until the call returns.
    virtual void on_read(base::Octets octets) = 0;
    /// The peer sends no more (half-close). Writing is still possible.
    virtual void on_read_end() = 0;
    /// After `write` returned false: fewer octets than the low-water mark wait.
    virtual void on_writable() {}
    /// Broken, or ended in both directions and everything written has left: nothing moves any
    /// more. The last call; `reason` is empty after an orderly end. Not called after `close`.
    virtual void on_closed(std::string_view reason) = 0;
};

/// How much may wait for a peer that reads slowly, in octets. `write` returns false from the
/// high-water mark on; a stream whose queue passes the hard limit is broken.
struct StreamLimits {
    std::size_t high_water = 256 * 1024;
    std::size_t low_water = 64 * 1024;
    std::size_t hard_limit = 16 * 1024 * 1024;
    std::size_t read_octets = 64 * 1024;  // at a time, and as much at most
    /// That TCP takes of us before it has sent them; 0: as many as its buffers hold. What waits
    /// there can be overtaken by nothing.
    std::size_t unsent_octets = 0;
};

/// An ordered stream of octets to one peer: TCP, a Unix socket, or TLS over either. Owned by
/// whoever serves it; destroying it closes at once. Loop's thread only. Has no timeouts: they
/// are the owner's.
class Stream {
  public:
    virtual ~Stream() = default;

    /// The handler must outlive the stream or be replaced first. Reading starts here.
    virtual void start(StreamHandler& handler) = 0;
    /// Takes a copy. What is written inside `on_read` leaves together when that returns, else
    /// as much as possible leaves at once. False: stop until `on_writable` (it is queued all
    /// the same). After `shutdown` nothing is taken.
    virtual bool write(base::Octets octets) = 0;
    /// Sends what is queued, then ends our direction. Reading goes on.
    virtual void shutdown() = 0;
    /// Ends both directions now and forgets what is queued. Silent from then on.
    virtual void close() = 0;
    /// No `on_read` until `resume_read`; the kernel's buffers hold the peer back.
    virtual void pause_read() = 0;
    virtual void resume_read() = 0;

    /// May octets of the application flow yet? False until a handshake is over.
    [[nodiscard]] virtual bool ready() const { return true; }
    /// Octets written and not yet handed to the kernel.
    [[nodiscard]] virtual std::size_t queued() const = 0;
    [[nodiscard]] virtual const Peer& peer() const = 0;
    [[nodiscard]] virtual const base::Endpoint& local() const = 0;
};

}  // namespace net
