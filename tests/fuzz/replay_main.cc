// Runs the fuzz targets over their corpora without libFuzzer, as ordinary tests: every seed as it
// is, every truncation of it, and a fixed number of bit flips and splices made from a seed, so
// that each run does the same. A finding of libFuzzer is put into the corpus and stays tested.
//
// All targets are in this one program, as functions fuzz_<stem>; MERIDIAN_FUZZ_TARGETS, a file
// that the build writes, holds MERIDIAN_FUZZ_TARGET(<stem>) for each.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#define MERIDIAN_FUZZ_TARGET(stem) \
    extern "C" int fuzz_##stem(const std::uint8_t* data, std::size_t size);
#include MERIDIAN_FUZZ_TARGETS
#undef MERIDIAN_FUZZ_TARGET

namespace {

using Input = std::vector<std::uint8_t>;

struct Target {
    const char* stem;
    int (*run)(const std::uint8_t* data, std::size_t size);
};

constexpr Target kTargets[] = {
#define MERIDIAN_FUZZ_TARGET(stem) {#stem, fuzz_##stem},
#include MERIDIAN_FUZZ_TARGETS
#undef MERIDIAN_FUZZ_TARGET
};

constexpr int kFlipsPerSeed = 200;
constexpr std::size_t kTruncationsPerSeed = 2000;

std::string corpus_of(const Target& target) {
    return std::string(MERIDIAN_SOURCE_DIR "/tests/fuzz/corpus/") + target.stem;
}

std::vector<Input> read_corpus(const Target& target) {
    std::vector<std::filesystem::path> paths;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(corpus_of(target), error)) {
        if (entry.is_regular_file()) paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    std::vector<Input> inputs;
    for (const std::filesystem::path& path : paths) {
        std::ifstream file(path, std::ios::binary);
        inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
    return inputs;
}

class Replay : public testing::Test {
  public:
    explicit Replay(const Target& target) : target_(target), corpus_(read_corpus(target)) {}

  protected:
    void SetUp() override { ASSERT_FALSE(corpus_.empty()) << "no seeds in " << corpus_of(target_); }

    // A heap block of the exact size, so that AddressSanitizer sees the first octet read past it.
    void run(const Input& input, std::size_t size) const {
        std::vector<std::uint8_t> exact(input.begin(),
                                        input.begin() + static_cast<std::ptrdiff_t>(size));
        exact.shrink_to_fit();
        target_.run(exact.data(), exact.size());
    }

    const Target& target_;
    const std::vector<Input> corpus_;
};

class SurvivesSeeds : public Replay {
  public:
    using Replay::Replay;
    void TestBody() override {
        run({}, 0);
        for (const Input& input : corpus_) run(input, input.size());
    }
};

class SurvivesTruncation : public Replay {
  public:
    using Replay::Replay;
    void TestBody() override {
        for (const Input& input : corpus_) {
            const std::size_t step = input.size() / kTruncationsPerSeed + 1;
            for (std::size_t size = 0; size < input.size(); size += step) run(input, size);
        }
    }
};

class SurvivesMutation : public Replay {
  public:
    using Replay::Replay;
    void TestBody() override {
        std::mt19937_64 random(1);
        for (const Input& input : corpus_) {
            if (input.empty()) continue;
            for (int i = 0; i < kFlipsPerSeed; ++i) {
                Input changed = input;
                for (std::uint64_t flips = 1 + random() % 4; flips > 0; --flips) {
                    changed[random() % changed.size()] ^=
                        static_cast<std::uint8_t>(1U << (random() % 8));
                }
                const Input& other = corpus_[random() % corpus_.size()];
                if (random() % 4 == 0 && !other.empty()) {
                    const auto from = static_cast<std::ptrdiff_t>(random() % other.size());
                    changed.insert(changed.end(), other.begin() + from, other.end());
                }
                run(changed, changed.size());
            }
        }
    }
};

template <class Test>
void add(const Target& target, const char* name) {
    const std::string suite = std::string("FuzzCorpus_") + target.stem;
    testing::RegisterTest(suite.c_str(), name, nullptr, nullptr, __FILE__, __LINE__,
                          [&target]() -> Replay* { return new Test(target); });
}

}  // namespace

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    for (const Target& target : kTargets) {
        add<SurvivesSeeds>(target, "SurvivesSeeds");
        add<SurvivesTruncation>(target, "SurvivesTruncation");
        add<SurvivesMutation>(target, "SurvivesMutation");
    }
    return RUN_ALL_TESTS();
}
