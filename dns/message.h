#pragma once

#include <cstdint>
#include <optional>

#include "base/octets.h"
#include "dns/edns.h"
#include "dns/name.h"
#include "dns/tsig.h"
#include "dns/types.h"

namespace dns {

/// Header flags (RFC 1035, 4.1.1; AD and CD: RFC 4035, 3.2).
inline constexpr std::uint16_t kFlagQR = 0x8000;
inline constexpr std::uint16_t kFlagAA = 0x0400;
inline constexpr std::uint16_t kFlagTC = 0x0200;
inline constexpr std::uint16_t kFlagRD = 0x0100;
inline constexpr std::uint16_t kFlagRA = 0x0080;
inline constexpr std::uint16_t kFlagAD = 0x0020;
inline constexpr std::uint16_t kFlagCD = 0x0010;
inline constexpr std::uint16_t kOpcodeMask = 0x7800;
inline constexpr std::uint16_t kRCodeMask = 0x000f;

struct Header {
    std::uint16_t id = 0;
    std::uint16_t flags = 0;
    std::uint16_t counts[4] = {};  // question, answer, authority, additional

    /// `message` has at least kHeaderOctets.
    [[nodiscard]] static Header read(Octets message) noexcept {
        const std::uint8_t* at = message.data();
        return {base::load_be16(at),
                base::load_be16(at + 2),
                {base::load_be16(at + 4), base::load_be16(at + 6), base::load_be16(at + 8),
                 base::load_be16(at + 10)}};
    }
    [[nodiscard]] bool response() const noexcept { return (flags & kFlagQR) != 0; }
    [[nodiscard]] Opcode opcode() const noexcept {
        return static_cast<Opcode>((flags & kOpcodeMask) >> 11);
    }
    [[nodiscard]] RCode rcode() const noexcept { return static_cast<RCode>(flags & kRCodeMask); }
};

/// A request as a server sees it, parsed in place: everything borrowed from the message.
struct Request {
    Header header;
    NameView qname;
    LabelOffsets labels;  // of qname
    RRType qtype{};
    RRClass qclass{};
    Octets question;           // the question as sent, to be echoed octet for octet
    std::optional<Edns> edns;  // empty: no OPT
    std::optional<Tsig> tsig;  // empty: not signed

    [[nodiscard]] bool recursion_desired() const noexcept { return (header.flags & kFlagRD) != 0; }
    [[nodiscard]] bool dnssec_ok() const noexcept { return edns && edns->dnssec_ok; }
};

/// What is to be done with a datagram or stream message.
enum class RequestOutcome : std::uint8_t {
    Answer,           // a query with one question
    NoQuestion,       // a query without one, with OPT: answered to whom asks for a cookie (RFC
                      // 7873, 5.4)
    Drop,             // less than a header, or a response: never answered (RFC 1035, 7.3)
    FormErr,          // the question could not be read: answer with the header alone
    FormErrQuestion,  // the question is fine, something after it is not
    NotImp,           // an opcode that is not ours
    BadVers,          // EDNS version above 0 (RFC 6891, 6.1.3)
};

/// Parses a request. On every outcome but Drop the header is filled; the question with Answer,
/// FormErrQuestion, BadVers and NotImp, with the last two if there is one; OPT wherever it could be
/// read, because then it has to be answered (RFC 6891, 6.1.1). No allocation.
[[nodiscard]] RequestOutcome parse_request(Octets message, Request& out) noexcept;

enum class Section : std::uint8_t { Answer = 1, Authority = 2, Additional = 3 };

/// One resource record of a message, with its owner uncompressed and its rdata where it stands.
struct Record {
    Section section{};
    Name owner;
    RRType type{};
    std::uint16_t rr_class = 0;  // a number, because OPT keeps a size here
    std::uint32_t ttl = 0;
    std::size_t rdata_offset = 0;
    std::uint16_t rdlength = 0;
};

/// Walks the records of a message from outside, in order, for resolver and clients.
///
///     auto reader = MessageReader::open(octets);
///     while (true) { auto record = reader->next(); if (!record || !*record) break; ... }
class MessageReader {
  public:
    /// Reads header and question. Fails when there is not exactly one question.
    [[nodiscard]] static Result<MessageReader, WireError> open(Octets message) noexcept;

    [[nodiscard]] const Header& header() const noexcept { return header_; }
    [[nodiscard]] NameView qname() const noexcept { return qname_.view(); }
    [[nodiscard]] RRType qtype() const noexcept { return qtype_; }
    [[nodiscard]] RRClass qclass() const noexcept { return qclass_; }
    [[nodiscard]] Octets message() const noexcept { return message_; }

    /// The next record; empty after the last. After an error it gives the same error again.
    [[nodiscard]] Result<std::optional<Record>, WireError> next() noexcept;

  private:
    MessageReader() = default;

    Octets message_;
    Header header_;
    Name qname_;
    RRType qtype_{};
    RRClass qclass_{};
    std::size_t offset_ = 0;
    std::uint8_t section_ = 1;
    std::uint16_t left_ = 0;
};

}  // namespace dns
