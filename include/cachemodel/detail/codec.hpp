// cachemodel: values to and from CBOR.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/cbor.hpp>
#include <cachemodel/detail/types.hpp>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>

namespace cachemodel::detail {

class ReferenceBase;
struct ModelTable;

/// The table of a model; see model_table.hpp.
template <class M>
const ModelTable& table_of() noexcept;

void encode_reference(CborWriter& writer, const ReferenceBase& reference);
bool decode_reference(CborReader& reader, const ModelTable& target, ReferenceBase& reference);

/// How a type is stored that headers beside the core know about: Binary, Json, nlohmann::json.
///
/// A specialization has `static void encode(CborWriter&, const T&)`,
/// `static bool decode(CborReader&, T&)` and `static constexpr bool may_be_null`.
template <class T>
struct ExternalCodec;

template <class T>
concept HasExternalCodec = requires {
    ExternalCodec<T>::may_be_null;
};

/// Why a type cannot be a member.
enum class TypeProblem : std::uint8_t {
    none,
    c_array,
    pointer,
    view,
    long_double,
    other_clock,
    nested_reference,
    constant,
    floating_key,
    secret,
    unsupported,
};

/// A model whose keys must appear nowhere as they are.
template <class T>
concept SecretModel = requires {
    requires T::cache_options.secret_keys;
};

template <class T, class... Seen>
consteval TypeProblem value_problem();

template <class... Ts>
consteval TypeProblem first_problem(Ts... problems) {
    TypeProblem found = TypeProblem::none;
    ((found = found == TypeProblem::none ? problems : found), ...);
    return found;
}

template <class T, class... Seen, std::size_t... I>
consteval TypeProblem members_problem(std::index_sequence<I...>) {
    return first_problem(TypeProblem::none,
                         value_problem<unwrapped<MemberType<T, I>>, T, Seen...>()...);
}

template <class T, class... Seen, std::size_t... I>
consteval TypeProblem elements_problem(std::index_sequence<I...>) {
    return first_problem(TypeProblem::none,
                         value_problem<std::tuple_element_t<I, T>, Seen...>()...);
}

/// `none` where a member, or a part of one, may have this type. `Seen` are the aggregates that we
/// are inside of: a tree may contain itself.
template <class T, class... Seen>
consteval TypeProblem value_problem() {
    if constexpr ((std::same_as<T, Seen> || ...)) {
        return TypeProblem::none;
    } else if constexpr (std::is_const_v<T>) {
        return TypeProblem::constant;
    } else if constexpr (HasExternalCodec<T>) {
        return TypeProblem::none;
    } else if constexpr (std::same_as<T, long double>) {
        return TypeProblem::long_double;
    } else if constexpr (std::is_integral_v<T> && sizeof(T) > sizeof(std::int64_t)) {
        return TypeProblem::unsupported;
    } else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T> || CharString<T> ||
                         std::same_as<T, std::monostate>) {
        return TypeProblem::none;
    } else if constexpr (
        std::is_pointer_v<T> || std::is_member_pointer_v<T> || std::is_null_pointer_v<T> ||
        requires {
            typename T::element_type;
            typename T::pointer;
            T{}.get();
        } ||
        requires(T & pointer) { pointer.use_count(); }) {
        return TypeProblem::pointer;
    } else if constexpr (std::is_array_v<T>) {
        return TypeProblem::c_array;
    } else if constexpr (View<T>) {
        return TypeProblem::view;
    } else if constexpr (OptionalLike<T>) {
        return value_problem<typename T::value_type, Seen...>();
    } else if constexpr (VariantLike<T>) {
        return []<class... A>(std::type_identity<std::variant<A...>>) {
            return first_problem(TypeProblem::none, value_problem<A, Seen...>()...);
        }(std::type_identity<T>{});
    } else if constexpr (Duration<T>) {
        return value_problem<typename T::rep, Seen...>();
    } else if constexpr (SystemTime<T>) {
        return value_problem<typename T::duration, Seen...>();
    } else if constexpr (is_time_point<T>) {
        return TypeProblem::other_clock;
    } else if constexpr (Array<T>) {
        return value_problem<typename T::value_type, Seen...>();
    } else if constexpr (TupleLike<T>) {
        return elements_problem<T, Seen...>(std::make_index_sequence<std::tuple_size_v<T>>{});
    } else if constexpr (is_reference<T> || is_reference_list<T>) {
        return TypeProblem::nested_reference;
    } else if constexpr (MapLike<T>) {
        return first_problem(value_problem<typename T::key_type, Seen...>(),
                             value_problem<typename T::mapped_type, Seen...>());
    } else if constexpr (SetLike<T> || Sequence<T>) {
        return value_problem<typename T::value_type, Seen...>();
    } else if constexpr (SecretModel<T>) {
        return TypeProblem::secret;
    } else if constexpr (PlainAggregate<T>) {
        return members_problem<T, Seen...>(std::make_index_sequence<member_count<T>>{});
    } else {
        return holds_c_array<T>() ? TypeProblem::c_array : TypeProblem::unsupported;
    }
}

/// Whether null is one of the values, so that an optional of it needs another form for "empty".
template <class T>
consteval bool may_be_null() {
    if constexpr (HasExternalCodec<T>) {
        return ExternalCodec<T>::may_be_null;
    } else {
        return OptionalLike<T> || std::same_as<T, std::monostate>;
    }
}

template <class T>
void encode(CborWriter& writer, const T& value);
template <class T>
bool decode(CborReader& reader, T& value);

// ---- aggregates and models: one table of members, one loop in src/

/// How one member is stored.
struct MemberCodec {
    std::string_view encoded_name;  ///< its wire name as a CBOR text string
    std::string_view name;          ///< its wire name
    void (*encode)(CborWriter& writer, const void* object);
    bool (*decode)(CborReader& reader, void* object);
};

/// Writes a map from name to value.
void encode_members(CborWriter& writer, const void* object, std::span<const MemberCodec> members);

/// Reads such a map, in any order, and skips what it does not know.
bool decode_members(CborReader& reader, void* object, std::span<const MemberCodec> members);

/// A name as a CBOR text string, made by the compiler.
template <std::size_t size>
struct EncodedName {
    char bytes[size + 3]{};
    std::size_t length = 0;

    consteval explicit EncodedName(std::string_view name) {
        if (size < 24) {
            bytes[length++] = static_cast<char>(0x60 | size);
        } else if (size <= 0xff) {
            bytes[length++] = '\x78';
            bytes[length++] = static_cast<char>(size);
        } else {
            bytes[length++] = '\x79';
            bytes[length++] = static_cast<char>(size >> 8);
            bytes[length++] = static_cast<char>(size & 0xff);
        }
        for (const char c : name) bytes[length++] = c;
    }
};

template <class T, std::size_t I>
constexpr std::string_view wire_name();  // model.hpp: the name, or what `wire_names` puts for it

template <class T, std::size_t I>
inline constexpr EncodedName<wire_name<T, I>().size()> encoded_name{wire_name<T, I>()};

template <class T, std::size_t I>
inline constexpr MemberCodec member_codec{
    {encoded_name<T, I>.bytes, encoded_name<T, I>.length},
    wire_name<T, I>(),
    [](CborWriter& writer, const void* object) {
        encode(writer, unwrap(member<I>(*static_cast<const T*>(object))));
    },
    [](CborReader& reader, void* object) {
        auto& place = member<I>(*static_cast<T*>(object));
        using Place = std::remove_reference_t<decltype(place)>;
        if constexpr (std::same_as<Place, Key<unwrapped<Place>>>) {
            unwrapped<Place> value{};  // a Key changes by assignment
            if (!decode(reader, value)) return false;
            place = std::move(value);
            return true;
        } else {
            return decode(reader, unwrap(place));
        }
    },
};

template <class T, class Indices>
struct MemberCodecs;
template <class T, std::size_t... I>
struct MemberCodecs<T, std::index_sequence<I...>> {
    static constexpr std::array<MemberCodec, sizeof...(I)> table{member_codec<T, I>...};
};

/// All members of a plain aggregate.
template <class T>
inline constexpr std::span<const MemberCodec> aggregate_codecs =
    MemberCodecs<T, std::make_index_sequence<member_count<T>>>::table;

// ---- pairs, durations, containers

template <class First, class Second>
void encode_pair(CborWriter& writer, const First& first, const Second& second) {
    writer.array(2);
    const CborWriter::Nesting nesting{writer};
    encode(writer, first);
    encode(writer, second);
}

/// For what is stored as an array of exactly so many elements.
template <class T, class Each>
bool decode_fixed(CborReader& reader, T& value, std::size_t size, Each each) {
    std::size_t count = 0;
    if (!reader.array(count) || count != size) return false;
    const CborReader::Nesting nesting{reader};
    return nesting.allowed() && each(value);
}

/// `count` of the unit `from` as a count of `num/den` seconds; false where that is not exact.
bool convert_exactly(std::int64_t count, std::string_view from, std::intmax_t num,
                     std::intmax_t den, std::int64_t& converted) noexcept;

template <class D>
void encode_duration(CborWriter& writer, const D& duration) {
    encode_pair(writer, duration.count(), unit_name<typename D::period>());
}

template <class D>
bool decode_duration(CborReader& reader, D& duration) {
    return decode_fixed(reader, duration, 2, [&](D& value) {
        using Rep = typename D::rep;
        using Period = typename D::period;
        const CborReader before = reader;
        Rep count{};
        std::string_view unit;
        if (decode(reader, count) && reader.text(unit) && unit == unit_name<Period>()) {
            value = D{count};
            return true;
        }
        if constexpr (std::integral<Rep>) {
            reader = before;
            std::int64_t written = 0;
            std::int64_t converted = 0;
            if (!reader.integer(written) || !reader.text(unit)) return false;
            if (!convert_exactly(written, unit, Period::num, Period::den, converted)) return false;
            if (!std::in_range<Rep>(converted)) return false;
            value = D{static_cast<Rep>(converted)};
            return true;
        }
        return false;
    });
}

template <class Map>
bool decode_map_entry(CborReader& reader, Map& map) {
    typename Map::key_type key{};
    typename Map::mapped_type mapped{};
    return decode(reader, key) && decode(reader, mapped) &&
           map.emplace(std::move(key), std::move(mapped)).second;
}

void write_sorted(CborWriter& writer, std::vector<std::string> items);

/// The items of a container that has no order, each by `encode_one`, as a writer that sorts wants
/// them.
template <class Container, class EncodeOne>
void encode_sorted(CborWriter& writer, const Container& container, EncodeOne encode_one) {
    std::vector<std::string> items;
    items.reserve(container.size());
    for (const auto& element : container) {
        CborWriter item{items.emplace_back()};
        item.sorts = true;
        encode_one(item, element);
    }
    write_sorted(writer, std::move(items));
}

/// A CBOR map where all keys are text; an array of pairs otherwise.
template <class Map>
void encode_map(CborWriter& writer, const Map& map) {
    bool all_text = CharString<typename Map::key_type>;
    if constexpr (CharString<typename Map::key_type>) {
        for (const auto& entry : map) all_text = all_text && is_utf8(entry.first);
    }
    all_text ? writer.map(map.size()) : writer.array(map.size());
    const CborWriter::Nesting nesting{writer};
    const auto encode_one = [all_text](CborWriter& to, const auto& entry) {
        if (!all_text) {
            encode_pair(to, entry.first, entry.second);
        } else {
            encode(to, entry.first);
            encode(to, entry.second);
        }
    };
    if constexpr (Unordered<Map>) {
        if (writer.sorts) return encode_sorted(writer, map, encode_one);
    }
    for (const auto& entry : map) encode_one(writer, entry);
}

template <class Map>
bool decode_map(CborReader& reader, Map& map) {
    map.clear();
    std::size_t count = 0;
    const bool in_pairs = reader.next_is_array();
    if (!(in_pairs ? reader.array(count) : reader.map(count))) return false;
    const CborReader::Nesting nesting{reader};
    if (!nesting.allowed()) return false;
    const auto decode_entry = [&](Map& into) { return decode_map_entry(reader, into); };
    for (; count > 0; --count) {
        if (!(in_pairs ? decode_fixed(reader, map, 2, decode_entry) : decode_entry(map))) {
            return false;
        }
    }
    return true;
}

template <class Container>
void encode_elements(CborWriter& writer, const Container& container) {
    writer.array(container.size());
    const CborWriter::Nesting nesting{writer};
    if constexpr (Unordered<Container>) {
        if (writer.sorts) {
            return encode_sorted(writer, container, [](CborWriter& to, const auto& element) {
                encode<typename Container::value_type>(to, element);
            });
        }
    }
    for (const auto& element : container) {
        encode<typename Container::value_type>(writer, element);
    }
}

/// Room is made at once for so many elements at most.
inline constexpr std::size_t most_reserved = 1024;

template <class Container>
bool decode_elements(CborReader& reader, Container& container) {
    container.clear();
    std::size_t count = 0;
    if (!reader.array(count)) return false;
    const CborReader::Nesting nesting{reader};
    if (!nesting.allowed()) return false;
    // What is only announced shall not take much memory.
    if constexpr (requires { container.reserve(count); }) {
        container.reserve(std::min(count, most_reserved));
    }
    for (; count > 0; --count) {
        using Element = typename Container::value_type;
        if constexpr (SetLike<Container>) {
            Element element{};
            if (!decode(reader, element)) return false;
            if (!container.emplace(std::move(element)).second) return false;
        } else if constexpr (std::same_as<decltype(container.back()), Element&>) {
            container.emplace_back(Element{});
            if (!decode(reader, container.back())) return false;
        } else {
            Element element{};
            if (!decode(reader, element)) return false;
            container.emplace_back(std::move(element));
        }
    }
    return true;
}

template <class Variant, std::size_t... I>
bool decode_alternative(CborReader& reader, Variant& value, std::size_t index,
                        std::index_sequence<I...>) {
    const auto decode_at = [&]<std::size_t at>(std::integral_constant<std::size_t, at>) {
        return decode(reader, value.template emplace<at>());
    };
    bool decoded = false;
    (void)((I == index && (decoded = decode_at(std::integral_constant<std::size_t, I>{}), true)) ||
           ...);
    return decoded;
}

inline std::string_view as_text(const void* bytes, std::size_t size) noexcept {
    return {static_cast<const char*>(bytes), size};
}

// ---- every type

template <class T>
void encode(CborWriter& writer, const T& value) {
    if constexpr (HasExternalCodec<T>) {
        ExternalCodec<T>::encode(writer, value);
    } else if constexpr (std::same_as<T, bool>) {
        writer.boolean(value);
    } else if constexpr (std::signed_integral<T>) {
        writer.signed_integer(value);
    } else if constexpr (std::integral<T>) {
        writer.unsigned_integer(value);
    } else if constexpr (std::floating_point<T>) {
        writer.floating(value);
    } else if constexpr (std::is_enum_v<T>) {
        encode(writer, static_cast<std::underlying_type_t<T>>(value));
    } else if constexpr (std::same_as<T, std::monostate>) {
        writer.null();
    } else if constexpr (CharString<T>) {
        writer.text(value);
    } else if constexpr (Bytes<T>) {
        writer.bytes(as_text(value.data(), value.size()));
    } else if constexpr (OptionalLike<T>) {
        if (!value) return writer.null();
        if constexpr (may_be_null<typename T::value_type>()) {
            writer.array(1);
            const CborWriter::Nesting nesting{writer};
            encode(writer, *value);
        } else {
            encode(writer, *value);
        }
    } else if constexpr (VariantLike<T>) {
        if (value.valueless_by_exception()) throw std::bad_variant_access{};
        writer.array(2);
        writer.unsigned_integer(value.index());
        const CborWriter::Nesting nesting{writer};
        std::visit([&](const auto& alternative) { encode(writer, alternative); }, value);
    } else if constexpr (Duration<T>) {
        encode_duration(writer, value);
    } else if constexpr (SystemTime<T>) {
        encode_duration(writer, value.time_since_epoch());
    } else if constexpr (TupleLike<T>) {
        writer.array(std::tuple_size_v<T>);
        const CborWriter::Nesting nesting{writer};
        std::apply([&](const auto&... element) { (encode(writer, element), ...); }, value);
    } else if constexpr (is_reference<T>) {
        encode_reference(writer, value);
    } else if constexpr (MapLike<T>) {
        encode_map(writer, value);
    } else if constexpr (Array<T> || SetLike<T> || Sequence<T>) {
        encode_elements(writer, value);
    } else {
        encode_members(writer, &value, aggregate_codecs<T>);
    }
}

template <class T>
bool decode(CborReader& reader, T& value) {
    if constexpr (HasExternalCodec<T>) {
        return ExternalCodec<T>::decode(reader, value);
    } else if constexpr (std::same_as<T, bool>) {
        return reader.boolean(value);
    } else if constexpr (std::integral<T>) {
        return reader.integer(value);
    } else if constexpr (std::floating_point<T>) {
        return reader.floating(value);
    } else if constexpr (std::is_enum_v<T>) {
        std::underlying_type_t<T> number{};
        if (!decode(reader, number)) return false;
        value = static_cast<T>(number);
        return true;
    } else if constexpr (std::same_as<T, std::monostate>) {
        return reader.null();
    } else if constexpr (CharString<T>) {
        std::string_view text;
        if (!reader.text_or_bytes(text)) return false;
        value.assign(text);
        return true;
    } else if constexpr (Bytes<T>) {
        std::string_view bytes;
        if (!reader.bytes(bytes)) return false;
        const auto* const data = reinterpret_cast<const typename T::value_type*>(bytes.data());
        if constexpr (Array<T>) {
            if (bytes.size() != value.size()) return false;
            std::copy_n(data, bytes.size(), value.data());
        } else {
            value.assign(data, data + bytes.size());
        }
        return true;
    } else if constexpr (OptionalLike<T>) {
        if (reader.next_is_null()) {
            value.reset();
            return reader.null();
        }
        if constexpr (may_be_null<typename T::value_type>()) {
            return decode_fixed(reader, value.emplace(), 1,
                                [&](auto& inner) { return decode(reader, inner); });
        } else {
            return decode(reader, value.emplace());
        }
    } else if constexpr (VariantLike<T>) {
        return decode_fixed(reader, value, 2, [&](T& variant) {
            std::size_t index = 0;
            return reader.integer(index) &&
                   decode_alternative(reader, variant, index,
                                      std::make_index_sequence<std::variant_size_v<T>>{});
        });
    } else if constexpr (Duration<T>) {
        return decode_duration(reader, value);
    } else if constexpr (SystemTime<T>) {
        typename T::duration since_epoch{};
        if (!decode_duration(reader, since_epoch)) return false;
        value = T{since_epoch};
        return true;
    } else if constexpr (TupleLike<T>) {
        return decode_fixed(reader, value, std::tuple_size_v<T>, [&](T& tuple) {
            return std::apply([&](auto&... element) { return (decode(reader, element) && ...); },
                              tuple);
        });
    } else if constexpr (Array<T>) {
        return decode_fixed(reader, value, value.size(), [&](T& array) {
            for (auto& element : array) {
                if (!decode(reader, element)) return false;
            }
            return true;
        });
    } else if constexpr (is_reference<T>) {
        return decode_reference(reader, table_of<typename T::model_type>(), value);
    } else if constexpr (MapLike<T>) {
        return decode_map(reader, value);
    } else if constexpr (SetLike<T> || Sequence<T>) {
        return decode_elements(reader, value);
    } else {
        return decode_members(reader, &value, aggregate_codecs<T>);
    }
}

}  // namespace cachemodel::detail
