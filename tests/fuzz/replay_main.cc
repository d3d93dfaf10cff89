// Runs one fuzz target over its corpus without libFuzzer, as an ordinary test: every seed as it
// is, every truncation of it, and a fixed number of bit flips and splices made from a seed, so
// that each run does the same. A finding of libFuzzer is put into the corpus and stays tested.
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

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Input = std::vector<std::uint8_t>;

constexpr int kFlipsPerSeed = 200;
constexpr std::size_t kTruncationsPerSeed = 2000;

std::vector<Input> read_corpus() {
    std::vector<std::filesystem::path> paths;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(MERIDIAN_FUZZ_CORPUS, error)) {
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

// A heap block of the exact size, so that AddressSanitizer sees the first octet read past it.
void run(const Input& input, std::size_t size) {
    std::vector<std::uint8_t> exact(input.begin(),
                                    input.begin() + static_cast<std::ptrdiff_t>(size));
    exact.shrink_to_fit();
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

class Replay : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_FALSE(corpus_.empty()) << "no seeds in " << MERIDIAN_FUZZ_CORPUS;
    }
    const std::vector<Input> corpus_ = read_corpus();
};

class SurvivesSeeds : public Replay {
  public:
    void TestBody() override {
        run({}, 0);
        for (const Input& input : corpus_) run(input, input.size());
    }
};

class SurvivesTruncation : public Replay {
  public:
    void TestBody() override {
        for (const Input& input : corpus_) {
            const std::size_t step = input.size() / kTruncationsPerSeed + 1;
            for (std::size_t size = 0; size < input.size(); size += step) run(input, size);
        }
    }
};

class SurvivesMutation : public Replay {
  public:
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
void add(const char* name) {
    testing::RegisterTest("FuzzCorpus_" MERIDIAN_FUZZ_STEM, name, nullptr, nullptr, __FILE__,
                          __LINE__, []() -> Replay* { return new Test; });
}

}  // namespace

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    add<SurvivesSeeds>("SurvivesSeeds");
    add<SurvivesTruncation>("SurvivesTruncation");
    add<SurvivesMutation>("SurvivesMutation");
    return RUN_ALL_TESTS();
}
