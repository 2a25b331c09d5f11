// cachemodel: CBOR (RFC 8949), written and read without a document tree.
// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>

namespace cachemodel::detail {

class LoadGraph;

/// Arrays and maps nest no deeper than this, in what is written and in what is read: both sides
/// recurse, and foreign bytes must not exhaust the stack.
inline constexpr int most_nesting = 100;

/// Appends definite-length CBOR items to a string.
class CborWriter {
 public:
    explicit CborWriter(std::string& out) noexcept : out_(out) {}

    void null() { out_.push_back('\xf6'); }
    void boolean(bool value) { out_.push_back(value ? '\xf5' : '\xf4'); }
    void unsigned_integer(std::uint64_t value) { head(0x00, value); }
    void signed_integer(std::int64_t value) {
        if (value >= 0) {
            head(0x00, static_cast<std::uint64_t>(value));
        } else {
            head(0x20, ~static_cast<std::uint64_t>(value));  // -1 - value
        }
    }
    void floating(float value);
    void floating(double value);
    /// A text string where `value` is UTF-8, else a byte string.
    void text(std::string_view value);
    /// A text string, whatever it holds.
    void text_as_it_is(std::string_view value) {
        head(0x60, value.size());
        out_.append(value);
    }
    void bytes(std::string_view value);
    void array(std::size_t count) { head(0x80, count); }
    void map(std::size_t count) { head(0xa0, count); }
    /// An item that is encoded already.
    void raw(std::string_view encoded) { out_.append(encoded); }

    /// Whether containers without an order are written in one all the same, so that equal ones are
    /// equal bytes.
    bool sorts = false;

    /// The head of an item: its major type (RFC 8949, section 3.1) in the upper bits, a number.
    void head(std::uint8_t major, std::uint64_t number);

    /// Around the items inside of an array or map.
    ///
    /// Errors: `Error` when they nest deeper than `most_nesting`.
    class Nesting {
     public:
        explicit Nesting(CborWriter& writer) : writer_(writer) {
            if (++writer_.depth_ > most_nesting) too_deep();
        }
        ~Nesting() { --writer_.depth_; }
        Nesting(const Nesting&) = delete;

     private:
        [[noreturn]] void too_deep();
        CborWriter& writer_;
    };

 private:
    std::string& out_;
    int depth_ = 0;
};

/// Reads items off the front of a byte string that anybody may have written.
///
/// Every function returns whether it could: after a false the reader is of no further use. Lengths
/// are bounded by the bytes that are left, and nesting by `most_nesting`.
class CborReader {
 public:
    explicit CborReader(std::string_view bytes) noexcept
        : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

    bool at_end() const noexcept { return at_ == end_; }
    std::string_view rest() const noexcept { return {at_, static_cast<std::size_t>(end_ - at_)}; }

    /// Takes the next bytes if they are exactly these.
    bool accept(std::string_view encoded) noexcept {
        if (!rest().starts_with(encoded)) return false;
        at_ += encoded.size();
        return true;
    }

    bool next_is_null() const noexcept { return at_ != end_ && *at_ == '\xf6'; }
    bool next_is_array() const noexcept {
        return at_ != end_ && (static_cast<unsigned char>(*at_) & 0xe0) == 0x80;
    }
    bool null() noexcept { return accept("\xf6"); }
    bool boolean(bool& value) noexcept;

    /// An integer that fits the type exactly.
    template <std::integral T>
    bool integer(T& value) noexcept {
        std::uint64_t number = 0;
        bool negative = false;
        if (!integer(number, negative)) return false;
        if (!negative) {
            if (number > static_cast<std::uint64_t>(std::numeric_limits<T>::max())) return false;
            value = static_cast<T>(number);
            return true;
        }
        if constexpr (std::is_signed_v<T>) {
            // -1 - number; the least value has the number of the greatest one.
            if (number > static_cast<std::uint64_t>(std::numeric_limits<T>::max())) return false;
            value = static_cast<T>(-1 - static_cast<std::int64_t>(number));
            return true;
        }
        return false;
    }

    /// Half, single or double precision.
    bool floating(double& value) noexcept;
    /// The same, if single precision holds it exactly (or it is no number).
    bool floating(float& value) noexcept;
    /// A text or byte string; points into the bytes being read.
    bool text_or_bytes(std::string_view& value) noexcept;
    bool text(std::string_view& value) noexcept { return string(0x60, value); }
    bool bytes(std::string_view& value) noexcept { return string(0x40, value); }
    bool array(std::size_t& count) noexcept { return container(0x80, count); }
    bool map(std::size_t& count) noexcept { return container(0xa0, count); }
    /// Passes over one item of any kind; tells where it stood.
    bool skip(std::string_view& item) noexcept;

    /// Around the items inside of an array or map; `allowed()` says whether they may be read.
    class Nesting {
     public:
        explicit Nesting(CborReader& reader) noexcept : reader_(reader) { ++reader_.depth_; }
        ~Nesting() { --reader_.depth_; }
        Nesting(const Nesting&) = delete;
        bool allowed() const noexcept { return reader_.depth_ <= most_nesting; }

     private:
        CborReader& reader_;
    };

    /// Where decoded references find their targets; null where there are none to be read.
    LoadGraph* graph = nullptr;
    /// Whether decoded references own the graph (in a root) or are owned by it.
    bool references_own_graph = false;
    /// Whether a member that is not in a map makes it unreadable, or takes its default.
    bool every_member_required = false;
    /// Set when that was why reading failed.
    bool member_was_absent = false;
    /// Set when, moreover, not one of the members was there.
    bool no_member_was_present = false;

 private:
    bool head(std::uint8_t& major, std::uint64_t& number) noexcept;
    bool integer(std::uint64_t& number, bool& negative) noexcept;
    bool string(std::uint8_t major, std::string_view& value) noexcept;
    bool container(std::uint8_t major, std::size_t& count) noexcept;
    bool skip_one(int depth) noexcept;

    const char* at_;
    const char* end_;
    int depth_ = 0;
};

/// Whether `text` is well-formed UTF-8 (RFC 3629).
bool is_utf8(std::string_view text) noexcept;

}  // namespace cachemodel::detail
