#include "dns/message.h"

#include <algorithm>

#include "dns/rdata.h"

namespace dns {

namespace {

constexpr std::size_t kFixedRecordOctets = 10;  // type, class, ttl, rdlength

/// Moves `offset` past a name without uncompressing it; false where it is malformed.
bool skip_name(Octets message, std::size_t& offset) noexcept {
    std::size_t at = offset;
    while (at < message.size()) {
        const std::uint8_t length = message[at];
        if (length == 0) {
            offset = at + 1;
            return true;
        }
        if ((length & 0xc0) == 0xc0) {
            if (at + 2 > message.size()) return false;
            const std::size_t target = base::load_be16(&message[at]) & 0x3fffU;
            if (target >= at || target < kHeaderOctets) return false;
            offset = at + 2;
            return true;
        }
        if ((length & 0xc0) != 0 || at + length - offset > kMaxNameOctets) return false;
        at += 1U + length;
    }
    return false;
}

/// The name of the question, which cannot be compressed: nothing stands before it.
bool read_qname(Octets message, Request& out) noexcept {
    const std::uint8_t* name = message.data() + kHeaderOctets;
    const std::size_t size = std::min(message.size() - kHeaderOctets, kMaxNameOctets);
    std::size_t at = 0;
    while (at < size && name[at] != 0) {
        if (name[at] > kMaxLabelOctets) return false;
        out.labels.offset[out.labels.count++] = static_cast<std::uint8_t>(at);
        at += 1U + name[at];
    }
    if (at >= size) return false;
    out.qname = NameView(Octets(name, at + 1));
    return true;
}

/// Looks at the records after the question of a request for OPT and TSIG; false is FORMERR. Other
/// records of a query mean nothing, but a message that holds broken ones is broken.
bool read_request_records(Octets message, std::size_t offset, Request& out) noexcept {
    const Header& header = out.header;
    const unsigned before = unsigned{header.counts[1]} + header.counts[2];
    const unsigned total = before + header.counts[3];
    if (total == 0) return offset == message.size();
    for (unsigned i = 0; i < total; ++i) {
        const std::size_t owner = offset;
        if (!skip_name(message, offset)) return false;
        if (message.size() - offset < kFixedRecordOctets) return false;
        const std::uint8_t* fixed = &message[offset];
        const auto type = static_cast<RRType>(base::load_be16(fixed));
        const std::size_t rdlength = base::load_be16(fixed + 8);
        offset += kFixedRecordOctets;
        if (message.size() - offset < rdlength) return false;
        const Octets rdata = message.subspan(offset, rdlength);
        const std::size_t rdata_offset = offset;
        offset += rdlength;
        if (type == RRType::OPT) {
            // One OPT, in the additional section, owned by the root (RFC 6891, 6.1.1, 6.1.2).
            if (i < before || out.edns || message[owner] != 0) return false;
            out.edns = Edns::read(base::load_be16(fixed + 2), base::load_be32(fixed + 4), rdata);
            if (!out.edns) return false;
        } else if (type == RRType::TSIG) {
            if (i < before || i + 1 != total) return false;  // RFC 8945, 5.2
            out.tsig = Tsig::read(message, owner);
            if (!out.tsig) return false;
        } else if (static_cast<RRClass>(base::load_be16(fixed + 2)) == RRClass::IN &&
                   header.opcode() == Opcode::Query &&
                   !rdata_readable(type, message, rdata_offset,
                                   static_cast<std::uint16_t>(rdlength))) {
            return false;
        }
    }
    return offset == message.size();
}

}  // namespace

RequestOutcome parse_request(Octets message, Request& out) noexcept {
    if (message.size() < kHeaderOctets) return RequestOutcome::Drop;
    out.header = Header::read(message);
    if (out.header.response()) return RequestOutcome::Drop;
    // The caller may use one Request for many messages.
    out.qname = NameView();
    out.labels.count = 0;
    out.qtype = RRType{};
    out.qclass = RRClass{};
    out.question = Octets();
    out.edns.reset();
    out.tsig.reset();
    bool question_read = false;
    std::size_t offset = kHeaderOctets;
    if (out.header.counts[0] == 1) {
        if (read_qname(message, out) && message.size() - offset - out.qname.size() >= 4) {
            offset += out.qname.size();
            out.qtype = static_cast<RRType>(base::load_be16(&message[offset]));
            out.qclass = static_cast<RRClass>(base::load_be16(&message[offset + 2]));
            offset += 4;
            out.question = message.subspan(kHeaderOctets, offset - kHeaderOctets);
            question_read = true;
        } else {
            out.qname = NameView();
            out.labels.count = 0;
        }
    }
    const bool query = out.header.opcode() == Opcode::Query;
    const bool readable = question_read || out.header.counts[0] == 0;
    if (!readable) return query ? RequestOutcome::FormErr : RequestOutcome::NotImp;
    if (!read_request_records(message, offset, out)) {
        out.edns.reset();
        out.tsig.reset();
        if (!query) return RequestOutcome::NotImp;  // each opcode may have its own form
        return question_read ? RequestOutcome::FormErrQuestion : RequestOutcome::FormErr;
    }
    if (!query) {
        return out.edns && out.edns->version > 0 ? RequestOutcome::BadVers : RequestOutcome::NotImp;
    }
    if (!question_read && !out.edns) return RequestOutcome::FormErr;
    if (out.edns && out.edns->version > 0) return RequestOutcome::BadVers;
    if (!question_read) return RequestOutcome::NoQuestion;
    // RFC 7871, 7.1.1; and a query has no scope (6).
    if (out.edns && out.edns->subnet_present &&
        (!out.edns->subnet || out.edns->subnet->scope_length != 0)) {
        return RequestOutcome::FormErrQuestion;
    }
    return RequestOutcome::Answer;
}

Result<MessageReader, WireError> MessageReader::open(Octets message) noexcept {
    if (message.size() < kHeaderOctets) return base::fail(WireError::Truncated);
    MessageReader out;
    out.message_ = message;
    out.header_ = Header::read(message);
    if (out.header_.counts[0] != 1) return base::fail(WireError::BadCount);
    std::size_t offset = kHeaderOctets;
    auto name = Name::read(message, offset);
    if (!name) return base::fail(name.error());
    out.qname_ = *name;
    if (message.size() - offset < 4) return base::fail(WireError::Truncated);
    out.qtype_ = static_cast<RRType>(base::load_be16(&message[offset]));
    out.qclass_ = static_cast<RRClass>(base::load_be16(&message[offset + 2]));
    out.offset_ = offset + 4;
    out.left_ = out.header_.counts[1];
    return out;
}

Result<std::optional<Record>, WireError> MessageReader::next() noexcept {
    while (left_ == 0) {
        if (section_ == 3) return std::optional<Record>{};
        ++section_;
        left_ = header_.counts[section_];
    }
    Record record;
    std::size_t offset = offset_;
    auto owner = Name::read(message_, offset);
    if (!owner) return base::fail(owner.error());
    if (message_.size() - offset < kFixedRecordOctets) return base::fail(WireError::Truncated);
    const std::uint8_t* fixed = &message_[offset];
    record.section = static_cast<Section>(section_);
    record.owner = *owner;
    record.type = static_cast<RRType>(base::load_be16(fixed));
    record.rr_class = base::load_be16(fixed + 2);
    record.ttl = base::load_be32(fixed + 4);
    record.rdlength = base::load_be16(fixed + 8);
    record.rdata_offset = offset + kFixedRecordOctets;
    if (message_.size() - record.rdata_offset < record.rdlength) {
        return base::fail(WireError::Truncated);
    }
    offset_ = record.rdata_offset + record.rdlength;
    --left_;
    return std::optional<Record>{record};
}

}  // namespace dns
