#include "net/http2_frames.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace net::testing {
namespace {

using namespace http2;

std::string frame(std::uint8_t type, std::uint8_t flags, std::uint8_t stream,
                  std::string_view payload = {}) {
    std::string out{0, static_cast<char>(payload.size() >> 8), static_cast<char>(payload.size())};
    out += {static_cast<char>(type), static_cast<char>(flags), 0, 0, 0, static_cast<char>(stream)};
    return out.append(payload);
}

TEST(Http2FrameHeads, AreFoundHoweverTheyAreCut) {
    std::string octets(24, 'p');
    octets += frame(kSettings, 0, 0) + frame(kData, 8, 1, std::string(300, 'x'));
    octets += frame(kPriority, 0, 5, std::string_view("\x80\0\0\x07w", 5));
    octets += frame(kPriority, 0, 5, "123") + frame(kPriority, 0, 5);
    octets += frame(0x77, 3, 0, "y") + frame(kContinuation, 4, 5);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, octets.size()}) {
        Http2FrameHeads heads;
        std::string seen;
        for (std::size_t at = 0; at < octets.size(); at += piece) {
            heads.feed(base::as_octets(std::string_view(octets).substr(at, piece)),
                       [&seen](const Http2FrameHeads::Head& head) {
                           seen += std::to_string(head.type) + "," + std::to_string(head.flags) +
                                   "," + std::to_string(head.length) + "," +
                                   std::to_string(head.stream);
                           if (head.dependency) seen += ">" + std::to_string(*head.dependency);
                           seen += " ";
                       });
        }
        EXPECT_EQ(seen, "4,0,0,0 0,8,300,1 2,0,5,5>7 2,0,3,5 2,0,0,5 119,3,1,0 9,4,0,5 ") << piece;
    }
}

class DoneStreams : public ::testing::Test {
  protected:
    std::optional<Error> frame(FrameType type, std::uint32_t stream, bool ends = false) {
        const std::uint8_t flags = kEndHeaders | (ends ? kEndStream : 0);
        return frame({type, flags, 0, stream, std::nullopt});
    }
    std::optional<Error> frame(const Http2FrameHeads::Head& head) {
        return streams.frame(head, [](std::uint32_t stream) { return stream == kOpen; });
    }
    /// What both frames that carry something are for this stream.
    std::optional<Error> speaking(std::uint32_t stream) {
        const auto error = frame(kHeaders, stream);
        EXPECT_EQ(frame(kData, stream), error) << stream;
        return error;
    }
    static constexpr std::uint32_t kOpen = 3;
    Http2DoneStreams streams;
};

TEST_F(DoneStreams, WhatWasPassedOverIsClosed) {
    for (const std::uint32_t stream : {1U, 3U, 5U}) {
        EXPECT_FALSE(speaking(stream));
        EXPECT_FALSE(frame(kHeaders, stream));  // trailers, not the last there are
    }
    EXPECT_FALSE(frame(kData, 9));  // idle, and stays so
    EXPECT_FALSE(frame(kHeaders, 9));
    EXPECT_FALSE(frame(kHeaders, 15));
    EXPECT_EQ(streams.next(), 17U);
    for (const std::uint32_t stream : {7U, 11U, 13U}) {
        EXPECT_EQ(speaking(stream), kProtocolError) << stream;
        EXPECT_FALSE(frame(kPriority, stream)) << stream;
        EXPECT_FALSE(frame(kResetStream, stream)) << stream;
        EXPECT_FALSE(frame(kWindowUpdate, stream)) << stream;
    }
    for (const std::uint32_t stream : {0U, 1U, 2U, 9U, 12U, 15U}) {
        EXPECT_FALSE(speaking(stream)) << stream;
    }
    EXPECT_FALSE(frame(kHeaders, 0x7fffffff));  // the last there is
    EXPECT_EQ(frame(kHeaders, 0x7ffffffd), kProtocolError);
}

TEST_F(DoneStreams, WhatWasEndedIsClosed) {
    EXPECT_FALSE(frame(kHeaders, 1, true));
    EXPECT_FALSE(frame(kHeaders, 3));
    EXPECT_FALSE(frame(kData, 3, true));
    EXPECT_FALSE(frame(kHeaders, 5));
    EXPECT_FALSE(frame(kData, 5));
    EXPECT_FALSE(frame(kHeaders, 5, true));  // trailers
    EXPECT_FALSE(frame(kHeaders, 7));
    EXPECT_FALSE(frame(kResetStream, 7));
    for (const std::uint32_t stream : {1U, 3U, 5U, 7U}) {
        EXPECT_EQ(speaking(stream), kStreamClosed) << stream;
        EXPECT_FALSE(frame(kResetStream, stream)) << stream;
        EXPECT_FALSE(frame(kWindowUpdate, stream)) << stream;
    }
}

TEST_F(DoneStreams, WithinAFieldBlockNothingIsSaid) {
    EXPECT_FALSE(frame({kHeaders, kEndStream, 0, 1, std::nullopt}));
    EXPECT_FALSE(speaking(1));
    EXPECT_FALSE(frame({kContinuation, 0, 0, 1, std::nullopt}));
    EXPECT_FALSE(speaking(1));
    EXPECT_FALSE(frame({kContinuation, kEndHeaders, 0, 1, std::nullopt}));
    EXPECT_EQ(speaking(1), kStreamClosed);
}

TEST_F(DoneStreams, RemembersABoundedNumberOfGaps) {
    for (std::uint32_t i = 0; i <= Http2DoneStreams::kMaxGaps; ++i) {
        EXPECT_FALSE(frame(kHeaders, 3 + 4 * i));
    }
    EXPECT_EQ(speaking(1), kStreamClosed);  // the oldest is forgotten
    EXPECT_EQ(speaking(5), kProtocolError);
    EXPECT_EQ(speaking(1 + 4 * Http2DoneStreams::kMaxGaps), kProtocolError);
}

TEST_F(DoneStreams, RemembersABoundedNumberOfOthers) {
    for (std::uint32_t i = 0; i <= Http2DoneStreams::kMaxOthers; ++i) {
        EXPECT_FALSE(frame(kHeaders, 1 + 2 * i));
    }
    EXPECT_EQ(speaking(1), kStreamClosed);
    EXPECT_FALSE(frame(kHeaders, streams.next()));
    EXPECT_FALSE(speaking(kOpen));
    EXPECT_EQ(speaking(5), kStreamClosed);
    EXPECT_FALSE(speaking(7));
    EXPECT_FALSE(speaking(streams.next() - 2));
}

}  // namespace
}  // namespace net::testing
