// cachemodel: CBOR (RFC 8949), written and read without a document tree.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/cbor.hpp>

#include <cachemodel/error.hpp>

#include <bit>
#include <cmath>
#include <cstring>

namespace cachemodel::detail {

namespace {

template <class Integer>
void append_big_endian(std::string& out, Integer value) {
    char bytes[sizeof value];
    for (std::size_t i = 0; i < sizeof value; ++i) {
        bytes[i] = static_cast<char>(value >> (8 * (sizeof value - 1 - i)));
    }
    out.append(bytes, sizeof value);
}

double from_half(std::uint16_t half) noexcept {
    const int exponent = (half >> 10) & 0x1f;
    const int mantissa = half & 0x3ff;
    double value = 0;
    if (exponent == 0) {
        value = std::ldexp(mantissa, -24);
    } else if (exponent != 31) {
        value = std::ldexp(mantissa + 1024, exponent - 25);
    } else {
        value = mantissa == 0 ? std::numeric_limits<double>::infinity()
                              : std::numeric_limits<double>::quiet_NaN();
    }
    return (half & 0x8000) != 0 ? -value : value;
}

}  // namespace

bool is_utf8(std::string_view text) noexcept {
    const auto* at = reinterpret_cast<const unsigned char*>(text.data());
    const auto* const end = at + text.size();
    while (at != end) {
        while (end - at >= 8) {  // eight ASCII bytes at a time
            std::uint64_t block = 0;
            std::memcpy(&block, at, sizeof block);
            if ((block & 0x8080808080808080U) != 0) break;
            at += 8;
        }
        if (at == end) break;
        const unsigned char lead = *at++;
        if (lead < 0x80) continue;
        int following = 0;
        unsigned char least = 0x80;
        unsigned char most = 0xbf;
        if (lead >= 0xc2 && lead <= 0xdf) {
            following = 1;
        } else if (lead >= 0xe0 && lead <= 0xef) {
            following = 2;
            if (lead == 0xe0) least = 0xa0;  // no longer than needed
            if (lead == 0xed) most = 0x9f;   // no surrogates
        } else if (lead >= 0xf0 && lead <= 0xf4) {
            following = 3;
            if (lead == 0xf0) least = 0x90;
            if (lead == 0xf4) most = 0x8f;  // up to U+10FFFF
        } else {
            return false;
        }
        for (; following > 0; --following) {
            if (at == end || *at < least || *at > most) return false;
            ++at;
            least = 0x80;
            most = 0xbf;
        }
    }
    return true;
}

// ---- writing

void CborWriter::head(std::uint8_t major, std::uint64_t number) {
    if (number < 24) {
        out_.push_back(static_cast<char>(major | number));
    } else if (number <= 0xff) {
        out_.push_back(static_cast<char>(major | 24));
        append_big_endian(out_, static_cast<std::uint8_t>(number));
    } else if (number <= 0xffff) {
        out_.push_back(static_cast<char>(major | 25));
        append_big_endian(out_, static_cast<std::uint16_t>(number));
    } else if (number <= 0xffffffff) {
        out_.push_back(static_cast<char>(major | 26));
        append_big_endian(out_, static_cast<std::uint32_t>(number));
    } else {
        out_.push_back(static_cast<char>(major | 27));
        append_big_endian(out_, number);
    }
}

void CborWriter::floating(float value) {
    out_.push_back('\xfa');
    append_big_endian(out_, std::bit_cast<std::uint32_t>(value));
}

void CborWriter::floating(double value) {
    out_.push_back('\xfb');
    append_big_endian(out_, std::bit_cast<std::uint64_t>(value));
}

void CborWriter::text(std::string_view value) {
    head(is_utf8(value) ? 0x60 : 0x40, value.size());
    out_.append(value);
}

void CborWriter::bytes(std::string_view value) {
    head(0x40, value.size());
    out_.append(value);
}

void CborWriter::Nesting::too_deep() {
    --writer_.depth_;
    throw Error("a value nests deeper than " + std::to_string(most_nesting) + " levels");
}

// ---- reading

bool CborReader::head(std::uint8_t& major, std::uint64_t& number) noexcept {
    if (at_ == end_) return false;
    const auto first = static_cast<std::uint8_t>(*at_++);
    major = first & 0xe0;
    const std::uint8_t extra = first & 0x1f;
    if (extra < 24) {
        number = extra;
        return true;
    }
    if (extra > 27) return false;  // reserved, or of indefinite length
    const std::ptrdiff_t size = std::ptrdiff_t{1} << (extra - 24);
    if (end_ - at_ < size) return false;
    number = 0;
    for (std::ptrdiff_t i = 0; i < size; ++i) {
        number = number << 8 | static_cast<std::uint8_t>(*at_++);
    }
    return true;
}

bool CborReader::boolean(bool& value) noexcept {
    if (at_ == end_ || (*at_ != '\xf4' && *at_ != '\xf5')) return false;
    value = *at_++ == '\xf5';
    return true;
}

bool CborReader::integer(std::uint64_t& number, bool& negative) noexcept {
    std::uint8_t major = 0;
    if (!head(major, number) || major > 0x20) return false;
    negative = major == 0x20;
    return true;
}

bool CborReader::floating(double& value) noexcept {
    std::uint64_t bits = 0;
    std::uint8_t major = 0;
    const char* const start = at_;
    if (!head(major, bits) || major != 0xe0) return false;
    switch (static_cast<std::uint8_t>(*start)) {
        case 0xf9:
            value = from_half(static_cast<std::uint16_t>(bits));
            return true;
        case 0xfa:
            value = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
            return true;
        case 0xfb:
            value = std::bit_cast<double>(bits);
            return true;
        default:
            return false;
    }
}

bool CborReader::floating(float& value) noexcept {
    if (at_ != end_ && *at_ == '\xfa') {  // bit by bit: a signalling NaN stays one
        std::uint64_t bits = 0;
        std::uint8_t major = 0;
        if (!head(major, bits)) return false;
        value = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
        return true;
    }
    double wide = 0;
    if (!floating(wide)) return false;
    if (std::isnan(wide) || std::isinf(wide)) {
        value = static_cast<float>(wide);
        return true;
    }
    if (std::fabs(wide) > static_cast<double>(std::numeric_limits<float>::max())) return false;
    value = static_cast<float>(wide);
    return static_cast<double>(value) == wide;
}

bool CborReader::string(std::uint8_t expected, std::string_view& value) noexcept {
    std::uint8_t major = 0;
    std::uint64_t size = 0;
    if (!head(major, size) || major != expected || size > rest().size()) return false;
    value = rest().substr(0, size);
    at_ += size;
    return true;
}

bool CborReader::text_or_bytes(std::string_view& value) noexcept {
    if (at_ == end_) return false;
    const bool is_text = (static_cast<std::uint8_t>(*at_) & 0xe0) == 0x60;
    return string(is_text ? 0x60 : 0x40, value);
}

bool CborReader::container(std::uint8_t expected, std::size_t& count) noexcept {
    std::uint8_t major = 0;
    std::uint64_t number = 0;
    // Each item takes a byte at the least.
    if (!head(major, number) || major != expected || number > rest().size()) return false;
    count = number;
    return true;
}

bool CborReader::skip(std::string_view& item) noexcept {
    const char* const start = at_;
    if (!skip_one(depth_)) return false;
    item = {start, static_cast<std::size_t>(at_ - start)};
    return true;
}

bool CborReader::skip_one(int depth) noexcept {
    std::uint8_t major = 0;
    std::uint64_t number = 0;
    if (!head(major, number)) return false;
    const bool has_inner = major == 0x80 || major == 0xa0 || major == 0xc0;
    if (has_inner && depth >= most_nesting) return false;
    switch (major) {
        case 0x40:
        case 0x60:
            if (number > rest().size()) return false;
            at_ += number;
            return true;
        case 0x80:
        case 0xa0:
            if (number > rest().size()) return false;
            if (major == 0xa0) number *= 2;
            for (; number > 0; --number) {
                if (!skip_one(depth + 1)) return false;
            }
            return true;
        case 0xc0:
            return skip_one(depth + 1);  // a tag, and what it is on
        default:
            return true;  // integers, floats and simple values
    }
}

}  // namespace cachemodel::detail
