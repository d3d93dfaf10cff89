#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "server/pipeline.h"

namespace server {

/// A few threads that may wait for the disk, so that workers need not: a query whose data is in
/// neither cache is run again here, whole, with a Published of the reader's own.
class Readers {
  public:
    /// `run` is called on a reader thread inside a batch of its pipeline. Any thread may submit.
    using Job = std::function<void(Pipeline&)>;

    Readers(std::size_t threads, const PipelineSettings& settings, zones::Store& store,
            resolver::Cache& cache);
    ~Readers();  // finishes what is queued
    Readers(const Readers&) = delete;
    Readers& operator=(const Readers&) = delete;

    /// False: kMaxQueued jobs wait already.
    [[nodiscard]] bool submit(Job run);
    static constexpr std::size_t kMaxQueued = 10000;

    [[nodiscard]] std::vector<Tap*> taps() const;
    [[nodiscard]] std::vector<const WorkerStats*> stats() const;

  private:
    struct Reader {
        WorkerStats stats;
        Tap tap;
        std::thread thread;
    };
    void work(Reader& reader);

    const PipelineSettings& settings_;
    zones::Store& store_;
    resolver::Cache& cache_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Job> queue_;  // guarded by mutex_
    bool stopping_ = false;  // guarded by mutex_
    std::vector<std::unique_ptr<Reader>> readers_;
};

}  // namespace server
