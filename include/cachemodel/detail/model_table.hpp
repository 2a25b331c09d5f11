// cachemodel: what the untyped code in src/ must know of a model.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/load_graph.hpp>
#include <cachemodel/detail/secondary_keys.hpp>
#include <cachemodel/error.hpp>
#include <cachemodel/lookup.hpp>
#include <cachemodel/model.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace cachemodel::detail {

/// One Key of a model.
struct KeyMember {
    std::string_view name;  ///< its wire name
    bool (*is_set)(const void* object);
    void (*append)(std::string& out, const void* object);
    /// Null where no Reference can lead here: the key has a to_cache_key and cannot be stored.
    void (*encode)(CborWriter& writer, const void* object);
    bool (*decode)(CborReader& reader, void* object);
    void (*copy)(void* to, const void* from);
    /// Equal values are encoded alike by this program, as those of unordered containers are not.
    bool has_one_encoding;
};

/// Is shown every reference of an object.
class ReferenceVisitor {
 public:
    virtual void visit(ReferenceBase& reference, const ModelTable& target, Dangling policy) = 0;

 protected:
    ~ReferenceVisitor() = default;
};

/// A model's name and the head of its keys, computed once.
struct ModelName {
    std::string name;  ///< as in messages
    std::string head;  ///< as in keys: escaped, with the version
};

/// The operations of a model on objects without a type; one constant per model.
struct ModelTable {
    ModelOptions options;
    const ModelName& (*name)();
    std::size_t size;
    std::size_t alignment;
    void (*construct)(void* at);
    void (*destroy)(void* object) noexcept;
    void (*move)(void* to, void* from);
    std::span<const KeyMember> keys;
    std::span<const MemberCodec> members;  ///< all but the keys
    std::span<void (*const)(void* object, ReferenceVisitor& visitor)> references;
    std::span<const SecondaryKey> secondary_keys;
    std::exception_ptr (*make_missing)(const Nothing& nothing);
};

/// Errors: `ConfigError` where the type has no name that is the same in every build.
ModelName make_model_name(const std::type_info& type, const ModelOptions& options);

/// Errors: `IncompleteKey`.
EntryKey make_model_key(const ModelTable& table, const void* object);
/// The keys' values as a CBOR array, as a Reference stores them. Errors: `IncompleteKey`.
std::string encode_keys(const ModelTable& table, const void* object);
bool decode_keys(CborReader& reader, const ModelTable& table, void* object);
void copy_keys(const ModelTable& table, void* to, const void* from);
bool keys_are_set(const ModelTable& table, const void* object);

/// An object without a type, on the heap.
class AnyModel {
 public:
    explicit AnyModel(const ModelTable& table);
    ~AnyModel();
    AnyModel(const AnyModel&) = delete;
    AnyModel& operator=(const AnyModel&) = delete;

    void* get() const noexcept { return object_; }
    /// Hands the object over to `destroy_model`.
    void* release() noexcept { return std::exchange(object_, nullptr); }

 private:
    const ModelTable& table_;
    void* object_;
};
void destroy_model(const ModelTable& table, void* object) noexcept;

/// The target's object, of the class of `table`. Errors: `UnloadedReference`.
const void* loaded_object(const ReferenceBase& reference, const ModelTable& table);
bool same_keys(const ReferenceBase& a, const ReferenceBase& b);

/// A graph of one target that takes over what `object` holds. Errors: `IncompleteKey`.
ReferenceBase make_reference(const ModelTable& table, void* object, bool loaded);

// ---- the table of a model

template <class M, std::size_t I>
consteval MemberCodec key_codec() {
    if constexpr (value_problem<unwrapped<MemberType<M, I>>>() == TypeProblem::none) {
        return member_codec<M, I>;
    } else {
        return {};
    }
}

template <class T>
inline constexpr bool has_one_encoding =
    !HasToCacheKey<T> && (std::integral<T> || std::is_enum_v<T> || CharString<T>);

template <class M, std::size_t I>
inline constexpr KeyMember key_member{
    wire_name<M, I>(),
    [](const void* object) { return member<I>(*static_cast<const M*>(object)).is_set(); },
    [](std::string& out, const void* object) {
        append_key(out, *member<I>(*static_cast<const M*>(object)));
    },
    key_codec<M, I>().encode,
    key_codec<M, I>().decode,
    [](void* to, const void* from) {
        member<I>(*static_cast<M*>(to)) = member<I>(*static_cast<const M*>(from));
    },
    has_one_encoding<unwrapped<MemberType<M, I>>>,
};

template <class M, std::size_t I>
void visit_references(void* object, ReferenceVisitor& visitor) {
    using Member = MemberType<M, I>;
    auto& place = member<I>(*static_cast<M*>(object));
    if constexpr (is_reference<Member>) {
        visitor.visit(place, table_of<typename Member::model_type>(), Member::policy);
    } else {
        using Reference = typename Member::value_type;
        for (Reference& reference : place) {
            visitor.visit(reference, table_of<typename Reference::model_type>(), Reference::policy);
        }
    }
}

/// Those of 0, 1, … N-1 for which `chosen` holds.
template <std::size_t count, class Chosen>
consteval auto indices_where(Chosen chosen) {
    std::array<std::size_t, count> indices{};
    std::size_t at = 0;
    for (std::size_t i = 0; i < chosen.size(); ++i) {
        if (chosen[i]) indices[at++] = i;
    }
    return indices;
}

template <class M, class Indices = std::make_index_sequence<member_count<M>>>
struct MemberKinds;

template <class M, std::size_t... I>
struct MemberKinds<M, std::index_sequence<I...>> {
    static constexpr std::array is_key_at{is_key<MemberType<M, I>>...};
    static constexpr std::array is_body_at{!is_key<MemberType<M, I>>...};
    static constexpr std::array is_reference_at{is_any_reference<MemberType<M, I>>...};

    static constexpr std::size_t key_count = (std::size_t{0} + ... + is_key_at[I]);
    static constexpr std::size_t body_count = sizeof...(I) - key_count;
    static constexpr std::size_t reference_count = (std::size_t{0} + ... + is_reference_at[I]);

    static constexpr auto key_indices = indices_where<key_count>(is_key_at);
    static constexpr auto body_indices = indices_where<body_count>(is_body_at);
    static constexpr auto reference_indices = indices_where<reference_count>(is_reference_at);

    template <std::size_t... K>
    static constexpr std::array<KeyMember, key_count> keys(std::index_sequence<K...>) {
        return {key_member<M, key_indices[K]>...};
    }
    template <std::size_t... B>
    static constexpr std::array<MemberCodec, body_count> body(std::index_sequence<B...>) {
        return {member_codec<M, body_indices[B]>...};
    }
    using Visit = void (*)(void*, ReferenceVisitor&);
    template <std::size_t... R>
    static constexpr std::array<Visit, reference_count> references(std::index_sequence<R...>) {
        return {&visit_references<M, reference_indices[R]>...};
    }
};

template <class M>
inline constexpr auto key_table =
    MemberKinds<M>::keys(std::make_index_sequence<MemberKinds<M>::key_count>{});
template <class M>
inline constexpr auto body_table =
    MemberKinds<M>::body(std::make_index_sequence<MemberKinds<M>::body_count>{});
template <class M>
inline constexpr auto reference_table =
    MemberKinds<M>::references(std::make_index_sequence<MemberKinds<M>::reference_count>{});

/// The types of M's keys, in declaration order.
template <class M, class Indices = std::make_index_sequence<MemberKinds<M>::key_count>>
struct KeyTypes;
template <class M, std::size_t... K>
struct KeyTypes<M, std::index_sequence<K...>> {
    using type = std::tuple<unwrapped<MemberType<M, MemberKinds<M>::key_indices[K]>>...>;
};

/// As M compares, or member by member where it does not.
template <class M>
bool equal_members(const M& a, const M& b) {
    if constexpr (std::equality_comparable<M>) {
        return a == b;
    } else {
        return []<std::size_t... I>(const M& x, const M& y, std::index_sequence<I...>) {
            return ((member<I>(x) == member<I>(y)) && ...);
        }
        (a, b, std::make_index_sequence<member_count<M>>{});
    }
}

template <class M>
inline constexpr ModelTable model_table{
    .options = model_options<M>(),
    .name = []() -> const ModelName& {
        static const ModelName name = make_model_name(typeid(M), model_options<M>());
        return name;
    },
    .size = sizeof(M),
    .alignment = alignof(M),
    .construct = [](void* at) { ::new (at) M{}; },
    .destroy = [](void* object) noexcept { static_cast<M*>(object)->~M(); },
    .move = [](void* to, void* from) { *static_cast<M*>(to) = std::move(*static_cast<M*>(from)); },
    .keys = key_table<M>,
    .members = body_table<M>,
    .references = reference_table<M>,
    .secondary_keys = secondary_table<M>,
    .make_missing =
        [](const Nothing& nothing) {
            return std::make_exception_ptr(
                MissingModel<M>(nothing.model, nothing.key, nothing.broken));
        },
};

/// Never defined: stands where a program does not compile anyway, so that it says why only once.
extern const ModelTable table_of_no_model;
template <class M>
M no_model();

template <class M>
const ModelTable& table_of() noexcept {
    static_assert(require_model<M>());
    if constexpr (Model<M>) {
        return model_table<M>;
    } else {
        return table_of_no_model;
    }
}

}  // namespace cachemodel::detail
