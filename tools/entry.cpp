// cachemodel: the command line tool: bytes that may be an entry, taken apart.
// SPDX-License-Identifier: MIT
#include "entry.hpp"

#include <cachemodel/detail/cbor.hpp>

#include <chrono>

#include "counter_text.hpp"

namespace cachemodel::tool {

namespace {

constexpr std::string_view magic = "\xcaM";
constexpr unsigned known_format = 1;
namespace entry_flag = detail::entry_flag;
constexpr std::size_t checksum_size = 8;

/// Reads the envelope piece by piece, and keeps the first thing that is wrong.
class Envelope {
 public:
    explicit Envelope(StoredBytes& stored) : stored_(stored) {}

    void read() {
        stored_.format = byte("format");
        if (!stored_.format) return;
        if (*stored_.format != known_format) {
            return complain("its format " + std::to_string(*stored_.format) + " is not known", 2);
        }
        stored_.flags = byte("flags");
        if (!stored_.flags) return;
        if ((*stored_.flags & ~entry_flag::all) != 0) {
            return complain("it has flags that are not known", 3);
        }
        stored_.written_at = time("time of writing");
        if (!stored_.written_at) return;
        if (!read_optional()) return;
        const auto key_size_at = at_;
        const auto key_size = number(4, "length of the key");
        if (!key_size) return;
        if (*key_size > left()) {
            return complain("its key is longer than what is left of it", key_size_at);
        }
        stored_.key = stored_.bytes.substr(at_, *key_size);
        at_ += *key_size;
        if (left() < checksum_size) return complain("it ends in the middle of the checksum", at_);
        stored_.body = stored_.bytes.substr(at_, left() - checksum_size);
        check_sum();
        check_body();
    }

 private:
    bool has(unsigned flag) const { return (*stored_.flags & flag) != 0; }

    /// What the flags say is there; false where it is not.
    bool read_optional() {
        if (has(entry_flag::fresh_until)) {
            stored_.fresh_until = time("fresh-until");
            if (!stored_.fresh_until) return false;
        }
        if (has(entry_flag::load_cost)) {
            const auto count = number(4, "load time");
            if (!count) return false;
            stored_.load_cost = std::chrono::milliseconds{*count};
        }
        if (has(entry_flag::lease)) {
            const auto until = time("end of the lease");
            const auto owner = until ? number(8, "owner of the lease") : std::nullopt;
            if (!owner) return false;
            stored_.lease = detail::EntryLease{*until, *owner};
        }
        if (has(entry_flag::epoch)) stored_.epoch = number(8, "epoch");
        return stored_.epoch || !has(entry_flag::epoch);
    }

    std::size_t left() const { return stored_.bytes.size() - at_; }

    void complain(const std::string& problem, std::size_t at) {
        if (!stored_.problem.empty()) return;
        stored_.problem = problem;
        stored_.problem_at = at;
    }

    std::optional<std::uint64_t> number(std::size_t size, const std::string& name) {
        if (left() < size) {
            complain("it ends in the middle of the " + name, at_);
            return std::nullopt;
        }
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < size; ++i) {
            value |= std::uint64_t{static_cast<unsigned char>(stored_.bytes[at_ + i])} << (8 * i);
        }
        at_ += size;
        return value;
    }
    std::optional<unsigned> byte(const std::string& name) {
        const auto value = number(1, name);
        return value ? std::optional{static_cast<unsigned>(*value)} : std::nullopt;
    }
    std::optional<detail::WallTime> time(const std::string& name) {
        const auto value = number(8, name);
        if (!value) return std::nullopt;
        return detail::WallTime{std::chrono::milliseconds{static_cast<std::int64_t>(*value)}};
    }

    void check_sum() {
        const auto opened = detail::open_entry(stored_.bytes, *stored_.key);
        stored_.checksum_known = true;
        stored_.checksum_right = opened.entry.has_value();
        if (!opened.entry) {
            complain("its checksum does not fit", stored_.bytes.size() - checksum_size);
        }
    }

    void check_body() {
        constexpr unsigned no_body_needed =
            entry_flag::lease | entry_flag::epoch | entry_flag::known_missing;
        if (stored_.body->empty() && has(no_body_needed)) return;
        if (stored_.body->empty()) return complain("it has no body", at_);
        detail::CborReader reader{*stored_.body};
        std::string_view item;
        if (!reader.skip(item)) return complain("its body is not CBOR", at_);
        if (!reader.at_end()) complain("something follows its body", at_ + item.size());
    }

    StoredBytes& stored_;
    std::size_t at_ = magic.size();
};

}  // namespace

StoredBytes take_apart(std::string_view bytes) {
    StoredBytes stored;
    stored.bytes = bytes;
    if (const auto counter = detail::parse_counter(bytes); counter.is_integer) {
        stored.kind = StoredBytes::Kind::integer;
        const bool is_too_negative = counter.is_negative && counter.magnitude > std::uint64_t{1}
                                                                                    << 63;
        if (!counter.fits || is_too_negative) {
            stored.problem = "the integer does not fit into 64 bits";
        }
    } else if (bytes.starts_with(magic)) {
        stored.kind = StoredBytes::Kind::entry;
        Envelope{stored}.read();
    } else {
        stored.problem = "it does not begin as an entry of cachemodel does, with ca 4d";
    }
    return stored;
}

std::string_view name_of(StoredBytes::Kind kind) noexcept {
    switch (kind) {
        case StoredBytes::Kind::entry:
            return "entry";
        case StoredBytes::Kind::integer:
            return "integer";
        case StoredBytes::Kind::foreign:
            break;
    }
    return "foreign";
}

}  // namespace cachemodel::tool
