#pragma once

#include <array>
#include <cstdint>

#include "base/octets.h"
#include "dns/edns.h"
#include "dns/message.h"
#include "dns/name.h"
#include "dns/prepared_section.h"
#include "dns/rrset.h"
#include "dns/types.h"

namespace dns {

/// Composes one message into the caller's buffer, with name compression (RFC 1035, 4.1.4).
///
/// Nothing is ever written past the buffer or past `set_limit`: what does not fit is undone as
/// a whole and `false` is returned, so that a message always holds whole RRsets (RFC 2181, 9).
/// No allocation. Sections must be written in order. One thread.
class MessageWriter {
  public:
    explicit MessageWriter(MutableOctets buffer) noexcept
        : buffer_(buffer), limit_(buffer.size()) {}

    /// How long the message may get, at most the buffer's size; and octets of it that are kept
    /// free for what must come at the end (OPT, TSIG) until `release` gives them back.
    void set_limit(std::size_t octets) noexcept;
    void reserve(std::size_t octets) noexcept { reserved_ += octets; }
    void release(std::size_t octets) noexcept { reserved_ -= octets; }

    /// Starts anew: header with these flags, counts 0.
    void header(std::uint16_t id, std::uint16_t flags) noexcept;
    /// Copies the question as it was sent. Its name becomes the first compression target. What it
    /// is copied from must stay as it is while this writer writes names.
    bool question(Octets as_sent) noexcept;
    bool question(NameView qname, RRType type, RRClass rr_class) noexcept;
    /// Most names that follow end with this one, which is the end of the question's name (and lies
    /// where that was copied from): looked at before all others.
    void expect_suffix(NameView end_of_qname) noexcept;

    /// Which records of an RRset to write, and where to begin: rotation without copying.
    struct Selection {
        std::uint16_t first = 0;               // index of the first record written
        std::uint16_t count = 0xffff;          // how many, going around; at most all
        const std::uint16_t* picks = nullptr;  // if set: `count` indices, and `first` is ignored
    };
    /// Writes the RRset under `owner`; all of it or nothing.
    bool rrset(Section section, NameView owner, RRsetView rrset, std::uint32_t ttl,
               RRClass rr_class = RRClass::IN) noexcept {
        return rrset_part(section, owner, rrset, ttl, rr_class, Selection{});
    }
    bool rrset_part(Section section, NameView owner, RRsetView rrset, std::uint32_t ttl,
                    RRClass rr_class, const Selection& selection) noexcept;
    /// One record; `rdata` uncompressed.
    bool record(Section section, NameView owner, RRType type, RRClass rr_class, std::uint32_t ttl,
                Octets rdata) noexcept;
    /// What was prepared for names like the question's, which must have been borrowed and end with
    /// the owner. Names written later do not refer to it.
    bool prepared(Section section, const PreparedSection& what) noexcept;
    /// An OPT with these fixed fields and options already encoded. Ignores the reserve.
    bool opt(std::uint16_t udp_payload, std::uint8_t extended_rcode, bool dnssec_ok,
             Octets options) noexcept;

    void set_flags(std::uint16_t flags) noexcept { base::store_be16(&buffer_[2], flags); }
    [[nodiscard]] std::uint16_t flags() const noexcept { return base::load_be16(&buffer_[2]); }
    [[nodiscard]] std::uint16_t count(Section section) const noexcept {
        return counts_[static_cast<std::size_t>(section)];
    }

    /// A place to come back to when what follows does not fit.
    struct Mark {
        std::size_t used = 0;
        std::uint16_t targets = 0;
        std::array<std::uint16_t, 4> counts{};
    };
    [[nodiscard]] Mark mark() const noexcept { return {used_, target_count_, counts_}; }
    void rollback(const Mark& mark) noexcept;

    /// Writes the counts; the message is the first `size` octets of the buffer.
    std::size_t finish() noexcept;
    [[nodiscard]] std::size_t size() const noexcept { return used_; }
    /// What is written so far; the whole message after `finish`.
    [[nodiscard]] Octets octets() const noexcept { return buffer_.first(used_); }

  private:
    // Enough for any answer below 4 KiB; in larger ones later names simply compress less.
    static constexpr std::size_t kMaxTargets = 256;

    /// A label in the message with what follows it there: names that end the same share targets,
    /// so that they form a tree below the root, in which every name is looked up label by label.
    struct Target {
        std::uint16_t offset;  // below 0x4000
        std::uint16_t parent;  // one more than the index of the next label's; kRootTarget
    };
    static constexpr std::uint16_t kRootTarget = 0;

    [[nodiscard]] bool fits(std::size_t octets) const noexcept {
        return used_ + octets + reserved_ <= limit_;
    }
    bool name(NameView name) noexcept;
    bool name_above(NameView name, std::size_t cut, std::uint16_t target) noexcept;
    [[nodiscard]] std::size_t before_suffix(NameView name) const noexcept;
    bool pointer(std::size_t offset) noexcept;
    bool rdata(RRType type, Octets rdata) noexcept;
    bool record_head(NameView owner, RRType type, std::uint16_t rr_class,
                     std::uint32_t ttl) noexcept;
    [[nodiscard]] std::uint16_t find_target(std::uint16_t parent,
                                            const std::uint8_t* label) const noexcept;
    void add_targets(const LabelOffsets& labels, std::size_t count, std::uint16_t parent) noexcept;
    void add_question() noexcept;
    [[nodiscard]] std::size_t place_in_question(NameView name) const noexcept;
    /// Behind the root label of the question, which is borrowed.
    [[nodiscard]] std::size_t question_end() const noexcept {
        return kHeaderOctets + static_cast<std::size_t>(question_until_ - question_from_) + 1;
    }

    MutableOctets buffer_;
    std::size_t limit_;
    std::size_t used_ = 0;
    std::size_t reserved_ = 0;
    std::array<std::uint16_t, 4> counts_{};
    std::uint16_t target_count_ = 0;
    // The labels of the question where its sender's message has them: a name in there is known to
    // stand in the answer. Null: none, or not borrowed.
    const std::uint8_t* question_from_ = nullptr;
    const std::uint8_t* question_until_ = nullptr;
    // Its labels become targets when the first name is looked for among them.
    bool question_added_ = true;
    std::uint16_t suffix_size_ = 0;  // octets of the expected suffix; 0: none
    std::uint16_t suffix_labels_ = 0;
    std::array<Target, kMaxTargets> targets_;
};

}  // namespace dns
