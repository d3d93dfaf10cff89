#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <list>
#include <mutex>

namespace base {

/// Quiescent-state based reclamation: what a writer has unlinked is freed once every reader has
/// passed a quiescent state since, that is, a moment at which it held no shared pointer.
///
/// A reader thread registers once, and is online while it may hold shared pointers. A loop turn
/// is a quiescent state; a reader that is about to sleep (epoll) goes offline, so that it holds
/// nobody up. On the reader's side this costs one exchange per loop turn and nothing per read.
///
/// Rule for the pointers protected: a reader loads the root (`Published`, a table) with
/// memory_order_seq_cst after `online()` or `quiescent()`, and the writer stores the new root
/// with memory_order_seq_cst before `retire`. Then either the writer sees the reader online, or
/// the reader sees the new root. (No fences: ThreadSanitizer does not model them.)
///
/// `retire` and `reclaim` may be called from any thread; each Reader belongs to one thread.
/// The Qsbr must outlive its readers; its destructor frees whatever is still retired.
class Qsbr {
  public:
    /// In a cache line of its own: its thread writes it with each loop turn.
    class alignas(64) Reader {
      public:
        Reader(const Reader&) = delete;
        Reader& operator=(const Reader&) = delete;
        ~Reader() = default;

        /// From here on shared pointers may be loaded.
        void online() noexcept { seen_.exchange(owner_->epoch_.load()); }
        /// No shared pointer is held any more, and none is loaded until `online`.
        void offline() noexcept { seen_.store(kOffline); }
        /// No shared pointer loaded before this call is used after it.
        void quiescent() noexcept { seen_.exchange(owner_->epoch_.load()); }

        /// Use `Qsbr::add_reader`; public only because containers construct in place.
        explicit Reader(Qsbr& owner) noexcept : owner_(&owner) {}

      private:
        friend class Qsbr;

        Qsbr* owner_;
        std::atomic<std::uint64_t> seen_{kOffline};
    };

    Qsbr() = default;
    Qsbr(const Qsbr&) = delete;
    Qsbr& operator=(const Qsbr&) = delete;
    ~Qsbr();

    /// The new reader is offline. The reference is valid until `remove_reader`.
    [[nodiscard]] Reader& add_reader();
    void remove_reader(Reader& reader);

    /// `free(object)` is called by a later `reclaim`, on its thread, after a grace period.
    void retire(void* object, void (*free)(void*));

    template <class T>
    void retire(T* object) {
        retire(const_cast<void*>(static_cast<const void*>(object)),
               [](void* p) { delete static_cast<T*>(p); });
    }

    /// Frees what no reader can hold any more. Returns how many objects still wait.
    std::size_t reclaim();

    /// A moment for `passed`: of the last store of a shared root before this call, say.
    [[nodiscard]] std::uint64_t ticket() noexcept { return epoch_.fetch_add(1); }
    /// Has every reader gone through a quiescent state since the moment of the ticket?
    [[nodiscard]] bool passed(std::uint64_t ticket);

  private:
    static constexpr std::uint64_t kOffline = ~std::uint64_t{0};

    struct Retired {
        std::uint64_t epoch;
        void* object;
        void (*free)(void*);
    };

    /// What every reader has seen; kOffline if all are. Under mutex_.
    [[nodiscard]] std::uint64_t oldest_seen() const noexcept;

    // Apart from what writers lock: each loop turn of each reader looks at it.
    alignas(64) std::atomic<std::uint64_t> epoch_{1};
    alignas(64) std::mutex mutex_;
    std::list<Reader> readers_;    // guarded by mutex_; a list, so that references stay valid
    std::deque<Retired> retired_;  // guarded by mutex_; oldest first
};

}  // namespace base
