#include "tests/resolver/scenario.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

namespace {

namespace fs = std::filesystem;

std::vector<std::string> scenario_files() {
    std::vector<std::string> out;
    for (const auto& entry :
         fs::directory_iterator(fs::path(MERIDIAN_SOURCE_DIR) / "tests" / "scenarios")) {
        if (entry.path().extension() == ".scn") out.push_back(entry.path().string());
    }
    std::sort(out.begin(), out.end());
    return out;
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
    std::string name = fs::path(info.param).stem().string();
    std::replace_if(
        name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
    return name;
}

class Scenario : public testing::TestWithParam<std::string> {};

TEST_P(Scenario, Holds) {
    scenario::Runner runner(GetParam());
    const auto fault = runner.run();
    EXPECT_FALSE(fault) << *fault;
}

INSTANTIATE_TEST_SUITE_P(Resolver, Scenario, testing::ValuesIn(scenario_files()), test_name);

TEST(ScenarioFiles, AreFound) {
    EXPECT_GE(scenario_files().size(), 20U);
}

}  // namespace
