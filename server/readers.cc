#include "server/readers.h"

#include "base/qsbr.h"
#include "base/thread.h"

namespace server {

Readers::Readers(std::size_t threads, const PipelineSettings& settings, zones::Store& store,
                 resolver::Cache& cache)
    : settings_(settings), store_(store), cache_(cache) {
    for (std::size_t i = 0; i < threads; ++i) {
        readers_.push_back(std::make_unique<Reader>());
        Reader& reader = *readers_.back();
        reader.thread = std::thread([this, &reader] { work(reader); });
    }
}

Readers::~Readers() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    for (const auto& reader : readers_) reader->thread.join();
}

bool Readers::submit(Job run) {
    {
        const std::lock_guard lock(mutex_);
        if (queue_.size() >= kMaxQueued) return false;
        queue_.push_back(std::move(run));
    }
    changed_.notify_one();
    return true;
}

void Readers::work(Reader& reader) {
    base::name_thread("reader");
    base::Qsbr::Reader& qsbr = store_.qsbr().add_reader();
    {
        Pipeline pipeline(settings_, store_, cache_, reader.stats, reader.tap, true);
        for (;;) {
            Job job;
            {
                std::unique_lock lock(mutex_);
                changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
                if (queue_.empty()) break;
                job = std::move(queue_.front());
                queue_.pop_front();
            }
            qsbr.online();
            pipeline.begin_batch(base::mono_now());
            job(pipeline);
            pipeline.end_batch();
            qsbr.offline();
        }
    }
    store_.qsbr().remove_reader(qsbr);
}

std::vector<Tap*> Readers::taps() const {
    std::vector<Tap*> out;
    for (const auto& reader : readers_) out.push_back(&reader->tap);
    return out;
}

std::vector<const WorkerStats*> Readers::stats() const {
    std::vector<const WorkerStats*> out;
    for (const auto& reader : readers_) out.push_back(&reader->stats);
    return out;
}

}  // namespace server
