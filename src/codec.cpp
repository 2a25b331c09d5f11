// cachemodel: members to and from CBOR maps; units of time.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/codec.hpp>

#include <algorithm>
#include <bitset>
#include <charconv>

namespace cachemodel::detail {

void encode_members(CborWriter& writer, const void* object, std::span<const MemberCodec> members) {
    writer.map(members.size());
    const CborWriter::Nesting nesting{writer};
    for (const auto& each : members) {
        writer.raw(each.encoded_name);
        each.encode(writer, object);
    }
}

void write_sorted(CborWriter& writer, std::vector<std::string> items) {
    std::ranges::sort(items);
    for (const auto& item : items) writer.raw(item);
}

bool decode_members(CborReader& reader, void* object, std::span<const MemberCodec> members) {
    std::size_t count = 0;
    if (!reader.map(count)) return false;
    const CborReader::Nesting nesting{reader};
    if (!nesting.allowed()) return false;

    std::bitset<most_members> seen;
    std::size_t seen_count = 0;
    std::size_t expected = 0;  // what we wrote ourselves is in declaration order
    for (; count > 0; --count) {
        std::size_t at = expected;
        if (at == members.size() || !reader.accept(members[at].encoded_name)) {
            std::string_view name;
            if (!reader.text_or_bytes(name)) return false;
            at = 0;
            while (at != members.size() && members[at].name != name) ++at;
            if (at == members.size()) {
                std::string_view unknown;
                if (!reader.skip(unknown)) return false;
                continue;
            }
        }
        if (seen[at] || !members[at].decode(reader, object)) return false;
        seen.set(at);
        ++seen_count;
        expected = at + 1;
    }
    if (seen_count != members.size() && reader.every_member_required) {
        reader.member_was_absent = true;
        reader.no_member_was_present = seen_count == 0;
        return false;
    }
    return true;
}

namespace {

struct Seconds {
    std::int64_t num;
    std::int64_t den;
};

/// A unit as `unit_name` writes it; den 0 for anything else.
Seconds parse_unit(std::string_view unit) noexcept {
    if (unit == "ns") return {1, 1'000'000'000};
    if (unit == "us") return {1, 1'000'000};
    if (unit == "ms") return {1, 1'000};
    if (unit == "s") return {1, 1};
    if (unit == "min") return {60, 1};
    if (unit == "h") return {3'600, 1};
    if (unit == "d") return {86'400, 1};
    Seconds parsed{0, 1};
    if (!unit.starts_with('[') || !unit.ends_with("]s")) return {0, 0};
    const char* const end = unit.data() + unit.size() - 2;
    auto read = std::from_chars(unit.data() + 1, end, parsed.num);
    if (read.ec != std::errc{}) return {0, 0};
    if (read.ptr != end) {
        if (*read.ptr != '/') return {0, 0};
        read = std::from_chars(read.ptr + 1, end, parsed.den);
        if (read.ec != std::errc{} || read.ptr != end) return {0, 0};
    }
    return parsed.num > 0 && parsed.den > 0 ? parsed : Seconds{0, 0};
}

}  // namespace

bool convert_exactly(std::int64_t count, std::string_view from, std::intmax_t num,
                     std::intmax_t den, std::int64_t& converted) noexcept {
    const Seconds unit = parse_unit(from);
    if (unit.den == 0) return false;
    // count * unit.num / unit.den = converted * num / den, one exact step after the other.
    __extension__ using Wide = __int128;
    Wide upper = 0;
    Wide lower = 0;
    if (__builtin_mul_overflow(Wide{unit.num}, Wide{den}, &upper)) return false;
    if (__builtin_mul_overflow(Wide{unit.den}, Wide{num}, &lower)) return false;
    for (Wide a = upper, b = lower; b != 0;) {
        const Wide rest = a % b;
        a = b;
        b = rest;
        if (b == 0) {
            upper /= a;
            lower /= a;
        }
    }
    if (count % lower != 0) return false;
    Wide result = 0;
    if (__builtin_mul_overflow(Wide{count} / lower, upper, &result)) return false;
    if (result > INT64_MAX || result < INT64_MIN) return false;
    converted = static_cast<std::int64_t>(result);
    return true;
}

}  // namespace cachemodel::detail
