// cachemodel: members that nlohmann::json knows how to write.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/codec.hpp>
#include <cachemodel/detail/wrapper.hpp>
#include <cachemodel/error.hpp>
#include <cachemodel/fwd.hpp>
#include <cachemodel/self_contained.hpp>

#include <nlohmann/json.hpp>

#include <concepts>
#include <string_view>
#include <type_traits>

namespace cachemodel {

/// A member that is stored as its `to_json` writes it, even if it is an aggregate or an enum.
///
/// Without `Json`, including this header makes members of type `nlohmann::json` and of any
/// non-aggregate class with `to_json` and `from_json` work as they are; aggregates and enums keep
/// being stored by their members and numbers, so that the bytes do not depend on what is included.
///
/// What `to_json` or `from_json` throws leaves `save`, and is a miss on the way back.
///
/// Thread safety: that of `T`.
template <class T>
class Json : public detail::ValueWrapper<Json<T>, T> {
 public:
    using detail::ValueWrapper<Json<T>, T>::ValueWrapper;
};

template <>
inline constexpr bool declared_self_contained<nlohmann::json> = true;

namespace detail {

/// Writes a document. Errors: `Error` where it nests too deep or holds a binary with a subtype,
/// which the readers of CBOR do not agree about.
template <class Document>
void encode_json(CborWriter& writer, const Document& document) {
    switch (document.type()) {
        case Document::value_t::null:
        case Document::value_t::discarded:
            return writer.null();
        case Document::value_t::boolean:
            return writer.boolean(document.template get<bool>());
        case Document::value_t::number_integer:
            return writer.signed_integer(document.template get<std::int64_t>());
        case Document::value_t::number_unsigned:
            return writer.unsigned_integer(document.template get<std::uint64_t>());
        case Document::value_t::number_float:
            return writer.floating(document.template get<double>());
        case Document::value_t::string:
            return writer.text_as_it_is(document.template get_ref<const std::string&>());
        case Document::value_t::binary: {
            const auto& binary = document.get_binary();
            if (binary.has_subtype()) {
                throw Error("a JSON value of type binary with a subtype cannot be stored");
            }
            return writer.bytes(as_text(binary.data(), binary.size()));
        }
        case Document::value_t::array: {
            writer.array(document.size());
            const CborWriter::Nesting nesting{writer};
            for (const auto& element : document) encode_json(writer, element);
            return;
        }
        case Document::value_t::object: {
            writer.map(document.size());
            const CborWriter::Nesting nesting{writer};
            for (const auto& [name, value] : document.items()) {
                writer.text_as_it_is(name);
                encode_json(writer, value);
            }
            return;
        }
    }
}

/// Reads one item as a document. The reader bounds length and nesting first: the parser does not.
template <class Document>
bool decode_json(CborReader& reader, Document& document) {
    std::string_view item;
    if (!reader.skip(item)) return false;
    document = Document::from_cbor(item, true, false);
    return !document.is_discarded();
}

template <class T>
concept JsonDocument = std::same_as<T, nlohmann::json> || std::same_as<T, nlohmann::ordered_json>;

template <JsonDocument T>
struct ExternalCodec<T> {
    static constexpr bool may_be_null = true;
    static void encode(CborWriter& writer, const T& document) { encode_json(writer, document); }
    static bool decode(CborReader& reader, T& document) { return decode_json(reader, document); }
};

template <class T>
void encode_through_json(CborWriter& writer, const T& value) {
    if constexpr (JsonDocument<T>) {
        encode_json(writer, value);
    } else {
        encode_json(writer, nlohmann::json(value));
    }
}
template <class T>
bool decode_through_json(CborReader& reader, T& value) {
    if constexpr (JsonDocument<T>) {
        return decode_json(reader, value);
    } else {
        nlohmann::json document;
        if (!decode_json(reader, document)) return false;
        document.get_to(value);
        return true;
    }
}

template <class T>
concept ConvertsToJson = requires(const T& value, T& place, const nlohmann::json& document) {
    nlohmann::json(value);
    document.get_to(place);
};

/// A class that only its converters can take apart.
template <class T>
concept OpaqueJson =
    std::is_class_v<T> && !std::is_aggregate_v<T> && !IsWrapper<T> && !JsonDocument<T> &&
    !CharString<T> && !View<T> && !OptionalLike<T> && !VariantLike<T> && !Duration<T> &&
    !is_time_point<T> && !TupleLike<T> && !Iterable<T> && !is_reference<T> && ConvertsToJson<T>;

template <OpaqueJson T>
struct ExternalCodec<T> {
    static constexpr bool may_be_null = true;
    static void encode(CborWriter& writer, const T& value) { encode_through_json(writer, value); }
    static bool decode(CborReader& reader, T& value) { return decode_through_json(reader, value); }
};

template <class T>
struct ExternalCodec<Json<T>> {
    static_assert(ConvertsToJson<T>, "cachemodel: Json<T> needs to_json and from_json for T");
    static constexpr bool may_be_null = true;
    static void encode(CborWriter& writer, const Json<T>& value) {
        encode_through_json(writer, *value);
    }
    static bool decode(CborReader& reader, Json<T>& value) {
        return decode_through_json(reader, *value);
    }
};

}  // namespace detail

}  // namespace cachemodel
