#pragma once

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/zones/answer_fixture.h"

namespace zones_test {

using Lines = std::vector<std::string>;

/// Zones of the RFCs, typed in as tests/rfc/zones/NAME.zone, and what the RFCs answer from them.
class RfcTest : public AnswerTest {
  protected:
    void load_file(std::string_view apex, const std::string& file) {
        std::ifstream in(std::string(MERIDIAN_SOURCE_DIR) + "/tests/rfc/zones/" + file);
        std::ostringstream text;
        text << in.rdbuf();
        ASSERT_FALSE(text.str().empty()) << file;
        load(apex, text.str());
    }

    /// Records of one RRset, with the signature that follows them: `tail_` behind the type covered,
    /// the algorithm and the labels, which for what a wildcard made are fewer than the owner's.
    [[nodiscard]] Lines with_signature(Lines records, int labels = -1) const {
        std::istringstream first(records.front());
        std::string owner;
        std::string ttl;
        std::string type;
        first >> owner >> ttl >> type;
        if (labels < 0) labels = static_cast<int>(name(owner).view().label_count());
        if (name(owner).view().is_wildcard()) --labels;
        records.push_back(owner + " " + ttl + " RRSIG " + type + " " + algorithm_ + " " +
                          std::to_string(labels) + " " + tail_);
        return records;
    }
    [[nodiscard]] static Lines all(const std::vector<Lines>& parts) {
        Lines out;
        for (const Lines& part : parts) out.insert(out.end(), part.begin(), part.end());
        return out;
    }

    std::string algorithm_, tail_;
};

}  // namespace zones_test
