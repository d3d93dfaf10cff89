// Which coding a client is given, and that it can be undone by those who wrote the codecs.
#include "net/content_coding.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

namespace net {
namespace {

ContentCoding chosen(const std::vector<std::string>& fields) {
    HeaderList headers;
    for (const std::string& field : fields) headers.add("accept-encoding", field);
    return choose_coding(headers);
}

TEST(ContentCoding, IsWhatTheClientLikesBest) {
    struct Row {
        const char* field;
        ContentCoding coding;
    };
    const Row rows[] = {
        {"gzip", ContentCoding::Gzip},
        {"x-gzip", ContentCoding::Gzip},
        {"br", ContentCoding::Brotli},
        {"GZip, BR", ContentCoding::Brotli},
        {"gzip, deflate, br, zstd", ContentCoding::Zstd},
        {"gzip;q=1.0, br;q=0.8, zstd;q=0.5", ContentCoding::Gzip},
        {"gzip; q=0.1 , br ; q=0.2", ContentCoding::Brotli},
        {"*", ContentCoding::Zstd},
        {"*;q=0.5, zstd;q=0", ContentCoding::Brotli},
        {"gzip;q=0", ContentCoding::Identity},
        {"*;q=0", ContentCoding::Identity},
        {"identity", ContentCoding::Identity},
        {"identity;q=1, gzip;q=0.5", ContentCoding::Identity},
        {"identity;q=0.5, gzip;q=1", ContentCoding::Gzip},
        {"identity;q=0, gzip;q=0.1", ContentCoding::Gzip},
        {"deflate", ContentCoding::Identity},
        {"gzip;q=2", ContentCoding::Identity},
        {"gzip;q=0.0001", ContentCoding::Identity},
        {"gzip;q=x", ContentCoding::Identity},
        {"gzipx, brr", ContentCoding::Identity},
        {"", ContentCoding::Identity},
        {",;,=,q=1,", ContentCoding::Identity},
    };
    for (const Row& row : rows) EXPECT_EQ(chosen({row.field}), row.coding) << row.field;
    EXPECT_EQ(chosen({}), ContentCoding::Identity);
    EXPECT_EQ(chosen({"gzip;q=0.5", "br"}), ContentCoding::Brotli);
}

// By python's gzip module, and by the command lines of brotli and zstd where they are installed.
bool undone(const std::string& command, const std::string& coded, const std::string& plain) {
    const std::string path = ::testing::TempDir() + "coded";
    std::ofstream(path, std::ios::binary) << coded;
    FILE* pipe = popen((command + " < " + path + " 2>/dev/null").c_str(), "r");
    if (pipe == nullptr) return false;
    std::string out;
    char block[65536];
    for (std::size_t got = 0; (got = fread(block, 1, sizeof block, pipe)) > 0;) {
        out.append(block, got);
    }
    return pclose(pipe) == 0 && out == plain;
}

std::string text_of(std::size_t lines) {
    std::string out;
    for (std::size_t i = 0; i < lines; ++i) {
        out += "host" + std::to_string(i * 7919) + ".example. 300 IN A 192.0.2.1\n";
    }
    return out;
}

class Coding : public ::testing::TestWithParam<ContentCoding> {};

TEST_P(Coding, ComesBackWhateverThePieces) {
    const char* commands[] = {"", "gzip -dc", "brotli -dc", "zstd -dc"};
    const char* command = commands[static_cast<std::size_t>(GetParam())];
    const std::string program = std::string(command).substr(0, std::string(command).find(' '));
    for (const std::size_t lines : {std::size_t{0}, std::size_t{1}, std::size_t{20000}}) {
        const std::string plain = text_of(lines);
        for (const std::size_t piece : {std::size_t{1000}, std::size_t{1} << 20}) {
            auto compressor = Compressor::make(GetParam());
            ASSERT_NE(compressor, nullptr);
            std::string coded;
            for (std::size_t at = 0; at < plain.size(); at += piece) {
                const std::string_view part = std::string_view(plain).substr(at, piece);
                ASSERT_TRUE(compressor->add(base::as_octets(part), coded));
            }
            ASSERT_TRUE(compressor->finish(coded));
            if (lines > 100) {
                EXPECT_LT(coded.size() * 3, plain.size());
            }
            EXPECT_FALSE(coded.empty());
            if (std::system(("command -v " + program + " > /dev/null").c_str()) != 0) {
                GTEST_SKIP() << program << " is not installed";
            }
            EXPECT_TRUE(undone(command, coded, plain)) << lines << ' ' << piece;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(All, Coding,
                         ::testing::Values(ContentCoding::Gzip, ContentCoding::Brotli,
                                           ContentCoding::Zstd),
                         [](const auto& one) { return std::string(to_text(one.param)); });

}  // namespace
}  // namespace net
