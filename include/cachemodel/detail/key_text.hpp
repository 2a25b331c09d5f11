// cachemodel: values as readable, injective text, for keys.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/codec.hpp>
#include <cachemodel/detail/types.hpp>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cachemodel::detail {

/// `text` with the bytes that a key cannot hold, or that mean something in one, as %XX.
void append_escaped(std::string& out, std::string_view text);
void append_number(std::string& out, std::int64_t value);
void append_number(std::string& out, std::uint64_t value);
/// The shortest decimal that gives back the same bits; both zeros are 0.
///
/// Errors: `InvalidKey` for NaN.
void append_number(std::string& out, float value);
void append_number(std::string& out, double value);
void append_hex(std::string& out, std::string_view bytes);
/// The first `digits` hexadecimal digits of the SHA-256 of `text`.
std::string hex_digest(std::string_view text, std::size_t digits);

/// A key as it is in the cache, and in the envelope: they differ where the key is long.
struct EntryKey {
    std::string stored;  ///< at most 180 bytes
    std::string full;    ///< empty where `stored` is all of it

    const std::string& in_envelope() const noexcept { return full.empty() ? stored : full; }
};

/// `text` as a key; of a long one its beginning and a digest. Where it is `secret`, nothing but the
/// first `head` bytes of it and a digest.
EntryKey make_entry_key(std::string text, std::size_t head, bool secret);

/// A type that says itself what identifies it: `to_cache_key(value)`, found beside the type, gives
/// a value of any type that a Key may hold.
template <class T>
concept HasToCacheKey = requires(const T& value) {
    to_cache_key(value);
};

template <HasToCacheKey T>
using CacheKeyOf = std::remove_cvref_t<decltype(to_cache_key(std::declval<const T&>()))>;

/// What a part of a key is for.
enum class KeyUse : std::uint8_t {
    entity,  ///< a Key: no floating-point numbers, and the model owns what it shows
    call,    ///< an argument of a call, or what a call reads: these and text views too
};

/// `none` where a part of a key may have this type.
template <KeyUse use, class T, class... Seen>
consteval TypeProblem key_problem();

template <KeyUse use, class T, class... Seen, std::size_t... I>
consteval TypeProblem key_members_problem(std::index_sequence<I...>) {
    return first_problem(TypeProblem::none,
                         key_problem<use, unwrapped<MemberType<T, I>>, T, Seen...>()...);
}

template <KeyUse use, class T, class... Seen, std::size_t... I>
consteval TypeProblem key_elements_problem(std::index_sequence<I...>) {
    return first_problem(TypeProblem::none,
                         key_problem<use, std::tuple_element_t<I, T>, Seen...>()...);
}

template <KeyUse use, class T, class... Seen>
consteval TypeProblem key_problem() {
    if constexpr ((std::same_as<T, Seen> || ...)) {
        return TypeProblem::none;
    } else if constexpr (use == KeyUse::call && std::is_const_v<T>) {  // is never read back
        return key_problem<use, unwrapped<std::remove_const_t<T>>, Seen...>();
    } else if constexpr (HasToCacheKey<T>) {
        if constexpr (std::convertible_to<CacheKeyOf<T>, std::string_view>) {
            return TypeProblem::none;
        } else if constexpr (std::same_as<CacheKeyOf<T>, T>) {
            return TypeProblem::unsupported;
        } else {
            return key_problem<use, CacheKeyOf<T>, T, Seen...>();
        }
    } else if constexpr (std::same_as<T, float> || std::same_as<T, double>) {
        return use == KeyUse::call ? TypeProblem::none : TypeProblem::floating_key;
    } else if constexpr (std::floating_point<T>) {
        return use == KeyUse::call ? TypeProblem::long_double : TypeProblem::floating_key;
    } else if constexpr (use == KeyUse::call && std::same_as<T, std::string_view>) {
        return TypeProblem::none;
    } else if constexpr (OptionalLike<T>) {
        return key_problem<use, typename T::value_type, Seen...>();
    } else if constexpr (VariantLike<T>) {
        return []<class... A>(std::type_identity<std::variant<A...>>) {
            return first_problem(TypeProblem::none, key_problem<use, A, Seen...>()...);
        }(std::type_identity<T>{});
    } else if constexpr (Duration<T>) {
        return key_problem<use, typename T::rep, Seen...>();
    } else if constexpr (SystemTime<T>) {
        return key_problem<use, typename T::rep, Seen...>();
    } else if constexpr (TupleLike<T>) {
        return key_elements_problem<use, T, Seen...>(
            std::make_index_sequence<std::tuple_size_v<T>>{});
    } else if constexpr (MapLike<T>) {
        return first_problem(key_problem<use, typename T::key_type, Seen...>(),
                             key_problem<use, typename T::mapped_type, Seen...>());
    } else if constexpr (Array<T> || SetLike<T> || Sequence<T>) {
        return key_problem<use, typename T::value_type, Seen...>();
    } else if constexpr (HasExternalCodec<T>) {
        return TypeProblem::unsupported;
    } else if constexpr (SecretModel<T>) {
        return TypeProblem::secret;
    } else if constexpr (PlainAggregate<T>) {
        return key_members_problem<use, T, Seen...>(std::make_index_sequence<member_count<T>>{});
    } else {
        return value_problem<T, Seen...>();
    }
}

template <class T>
void append_key(std::string& out, const T& value);

inline void append_key_text(std::string& out, std::string_view text) {
    out += '"';
    append_escaped(out, text);
    out += '"';
}

/// Parts between `open` and `close`, separated by commas; in order of their text where the
/// container has no order of its own.
template <class Container, class Append>
void append_list(std::string& out, char open, char close, const Container& container,
                 Append append) {
    out += open;
    const auto start = out.size();
    if constexpr (Unordered<Container>) {
        std::vector<std::string> parts;
        for (const auto& element : container) append(parts.emplace_back(), element);
        std::sort(parts.begin(), parts.end());
        for (const auto& part : parts) {
            if (out.size() != start) out += ',';
            out += part;
        }
    } else {
        for (const auto& element : container) {
            if (out.size() != start) out += ',';
            append(out, element);
        }
    }
    out += close;
}

template <class D>
void append_duration(std::string& out, const D& duration) {
    append_key(out, duration.count());
    append_escaped(out, unit_name<typename D::period>());
}

template <class T, std::size_t... I>
void append_aggregate(std::string& out, const T& value, std::index_sequence<I...>) {
    out += '{';
    ((out += I == 0 ? "" : ",", append_escaped(out, wire_name<T, I>()), out += '=',
      append_key(out, unwrap(member<I>(value)))),
     ...);
    out += '}';
}

/// Appends `value` such that two values of one type have the same text only if they are equal.
template <class T>
void append_key(std::string& out, const T& value) {
    if constexpr (HasToCacheKey<T>) {
        if constexpr (std::convertible_to<CacheKeyOf<T>, std::string_view>) {
            append_key_text(out, to_cache_key(value));
        } else {
            append_key(out, to_cache_key(value));
        }
    } else if constexpr (std::same_as<T, bool>) {
        out += value ? "true" : "false";
    } else if constexpr (std::signed_integral<T>) {
        append_number(out, static_cast<std::int64_t>(value));
    } else if constexpr (std::integral<T>) {
        append_number(out, static_cast<std::uint64_t>(value));
    } else if constexpr (std::floating_point<T>) {
        append_number(out, value);
    } else if constexpr (std::is_enum_v<T>) {
        append_key(out, static_cast<std::underlying_type_t<T>>(value));
    } else if constexpr (std::same_as<T, std::monostate>) {
        out += "null";
    } else if constexpr (CharString<T> || std::same_as<T, std::string_view>) {
        append_key_text(out, value);
    } else if constexpr (Bytes<T>) {
        out += "x\"";
        append_hex(out, as_text(value.data(), value.size()));
        out += '"';
    } else if constexpr (OptionalLike<T>) {
        if (!value) {
            out += "null";
        } else {
            out += '?';
            append_key(out, *value);
        }
    } else if constexpr (VariantLike<T>) {
        out += '<';
        append_number(out, static_cast<std::uint64_t>(value.index()));
        out += '>';
        std::visit([&](const auto& alternative) { append_key(out, alternative); }, value);
    } else if constexpr (Duration<T>) {
        append_duration(out, value);
    } else if constexpr (SystemTime<T>) {
        out += '@';
        append_duration(out, value.time_since_epoch());
    } else if constexpr (TupleLike<T>) {
        std::apply(
            [&](const auto&... element) {
                std::size_t at = 0;
                out += '(';
                ((out += at++ == 0 ? "" : ",", append_key(out, element)), ...);
                out += ')';
            },
            value);
    } else if constexpr (MapLike<T>) {
        append_list(out, '{', '}', value, [](std::string& to, const auto& entry) {
            append_key(to, entry.first);
            to += '=';
            append_key(to, entry.second);
        });
    } else if constexpr (Array<T> || Sequence<T>) {
        append_list(out, '[', ']', value, [](std::string& to, const auto& element) {
            append_key<std::remove_const_t<typename T::value_type>>(to, element);
        });
    } else if constexpr (SetLike<T>) {
        append_list(out, '{', '}', value, [](std::string& to, const auto& element) {
            append_key<typename T::value_type>(to, element);
        });
    } else {
        append_aggregate(out, value, std::make_index_sequence<member_count<T>>{});
    }
}

}  // namespace cachemodel::detail
