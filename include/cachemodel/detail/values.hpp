// cachemodel: values under keys of the user's own; the untyped half of Cache's verbs.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>
#include <cachemodel/detail/codec.hpp>
#include <cachemodel/detail/key_text.hpp>
#include <cachemodel/lifetime.hpp>
#include <cachemodel/lookup.hpp>
#include <cachemodel/model.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

namespace cachemodel {
class Cache;
}

namespace cachemodel::detail {

// ---- which types

/// What a value of the type `T`, as a caller writes it, is stored and read as: text in any form is
/// a std::string.
template <class T>
struct StoredAs {
    using type = T;
};
template <class T>
requires(std::is_same_v<T, const char*> || std::is_same_v<T, char*> ||
         std::is_same_v<T, std::string_view>) struct StoredAs<T> {
    using type = std::string;
};
template <class T>
using StoredValue = typename StoredAs<std::decay_t<T>>::type;

template <class T>
concept Null = std::is_null_pointer_v<T> || std::same_as<T, std::nullopt_t>;

/// An integer that servers can count: it is stored as decimal text.
template <class T>
concept Countable = std::integral<T> && !std::same_as<T, bool> && sizeof(T) <= sizeof(std::int64_t);

/// Only named, in the place of a type, so that compilers print which member they cannot take.
template <class Struct, class Type, auto name>
struct MemberOf;

/// Says in one line what is wrong with `Where`, a type or a MemberOf.
template <class Where, TypeProblem problem>
consteval bool require_storable() {
    using enum TypeProblem;
    static_assert(problem != pointer,
                  "cachemodel: a pointer cannot be cached; cache what it points to, and an "
                  "std::optional where there may be nothing");
    static_assert(problem != view,
                  "cachemodel: a view cannot be read from a cache; ask for std::string or "
                  "std::vector");
    static_assert(problem != c_array, "cachemodel: a C array cannot be cached; use std::array");
    static_assert(problem != nested_reference,
                  "cachemodel: a model with references is kept by Models or CacheModel, not by "
                  "Cache");
    static_assert(problem != secret,
                  "cachemodel: a model with secret keys is kept by Models or CacheModel, not by "
                  "Cache");
    static_assert(problem == none || problem == pointer || problem == view || problem == c_array ||
                      problem == nested_reference || problem == secret,
                  "cachemodel: a value of this type cannot be cached: use numbers, bool, "
                  "enums, text, bytes, std::chrono, std::optional, std::variant, containers "
                  "and plain structs of these, or Json<T> and Binary<T> of others");
    return problem == none;
}

/// As many as there are if none is wrong.
template <class T, std::size_t... I>
consteval std::size_t first_wrong_member(std::index_sequence<I...>) {
    std::size_t first = 0;
    static_cast<void>(
        ((value_problem<unwrapped<MemberType<T, I>>, T>() == TypeProblem::none && ++first != 0) &&
         ...));
    return first;
}

/// `Where` is T itself, or the member that has this type.
template <class T, class Where = T>
consteval bool check_stored_type() {
    constexpr TypeProblem problem = value_problem<T>();
    if constexpr (problem != TypeProblem::none && PlainAggregate<T> && !SecretModel<T>) {
        constexpr auto count = member_count<T>;
        constexpr auto wrong = first_wrong_member<T>(std::make_index_sequence<count>{});
        if constexpr (wrong < count) {
            using Type = unwrapped<MemberType<T, wrong>>;
            return check_stored_type<Type, MemberOf<T, Type, member_name_text<T, wrong>()>>();
        } else {
            return require_storable<Where, problem>();
        }
    } else {
        return require_storable<Where, problem>();
    }
}

template <class T>
consteval bool check_value() {
    if constexpr (Null<T>) {
        return true;
    } else if constexpr (!std::default_initializable<T>) {
        static_assert(std::default_initializable<T>,
                      "cachemodel: a value is made empty and then read: give its type a default "
                      "constructor, or its members default values");
        return false;
    } else {
        return check_stored_type<T>();
    }
}

/// A number in the place of a lifetime does not compile.
template <class Number>
Lifetime lifetime_of(Number) {
    static_assert(!std::is_arithmetic_v<Number>,
                  "cachemodel: a lifetime has a unit: write 60s or std::chrono::seconds{60}");
    return never;
}

// ---- the operations of a type

/// What can be done with a value without knowing its type; one constant for each type.
struct ValueTable {
    const std::type_info* type;
    std::shared_ptr<void> (*make)();
    /// Appends the value as decimal text, if it is an integer.
    bool (*append_integer)(std::string& out, const void* value);
    /// Takes a number on, if the type holds it.
    bool (*assign_integer)(void* value, bool negative, std::uint64_t magnitude);
    void (*encode)(CborWriter& writer, const void* value);
    bool (*decode)(CborReader& reader, void* value);
};

/// An empty value to be read into; null for a type that is only written.
template <class T>
std::shared_ptr<void> make_empty() {
    if constexpr (std::default_initializable<T>) {
        return std::make_shared<T>();
    } else {
        return nullptr;
    }
}

template <class T>
bool append_integer(std::string& out, const void* value) {
    if constexpr (Countable<T>) {
        using Wide = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
        append_number(out, static_cast<Wide>(*static_cast<const T*>(value)));
        return true;
    } else if constexpr (OptionalLike<T>) {
        const auto& optional = *static_cast<const T*>(value);
        return optional && append_integer<typename T::value_type>(out, &*optional);
    } else {
        return false;
    }
}

template <class T>
bool assign_integer(void* value, bool negative, std::uint64_t magnitude) {
    if constexpr (Countable<T>) {
        constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<T>::max());
        if (magnitude == 0) negative = false;
        if (negative && !std::is_signed_v<T>) return false;
        if (magnitude > most + (negative ? 1 : 0)) return false;
        // Subtracting from zero in unsigned arithmetic reaches the smallest number too.
        *static_cast<T*>(value) = static_cast<T>(negative ? 0 - magnitude : magnitude);
        return true;
    } else if constexpr (std::is_enum_v<T>) {
        std::underlying_type_t<T> number{};
        if (!assign_integer<std::underlying_type_t<T>>(&number, negative, magnitude)) return false;
        *static_cast<T*>(value) = static_cast<T>(number);
        return true;
    } else if constexpr (OptionalLike<T>) {
        auto& optional = *static_cast<T*>(value);
        optional.emplace();
        return assign_integer<typename T::value_type>(&*optional, negative, magnitude);
    } else {
        return false;
    }
}

template <class T>
void encode_value(CborWriter& writer, const void* value) {
    if constexpr (Null<T>) {
        writer.null();
    } else {
        encode<T>(writer, *static_cast<const T*>(value));
    }
}

template <class T>
bool decode_value(CborReader& reader, void* value) {
    if constexpr (Null<T>) {
        return reader.null();
    } else {
        return decode<T>(reader, *static_cast<T*>(value));
    }
}

template <class T>
consteval ValueTable make_value_table() {
    if constexpr (check_value<T>()) {
        return {
            &typeid(T),         &make_empty<T>,   &append_integer<T>,
            &assign_integer<T>, &encode_value<T>, &decode_value<T>,
        };
    } else {
        return {};  // the message was enough
    }
}

template <class T>
inline constexpr ValueTable value_table = make_value_table<T>();

/// Text that is not a std::string is encoded as it is, without a copy. It is never read.
inline constexpr ValueTable text_table{
    &typeid(std::string_view),
    nullptr,
    [](std::string&, const void*) { return false; },
    nullptr,
    [](CborWriter& writer, const void* value) {
        writer.text(*static_cast<const std::string_view*>(value));
    },
    nullptr,
};

// ---- many keys

/// The keys of a call, copied out of a range that may be passed through only once.
class KeyList {
 public:
    void add(std::string_view key) {
        text_ += key;
        ends_.push_back(text_.size());
    }
    /// Valid until the next `add`.
    std::vector<std::string_view> views() const {
        std::vector<std::string_view> views;
        views.reserve(ends_.size());
        std::size_t begin = 0;
        for (const std::size_t end : ends_) {
            views.push_back(std::string_view{text_}.substr(begin, end - begin));
            begin = end;
        }
        return views;
    }

 private:
    std::string text_;
    std::vector<std::size_t> ends_;
};

// ---- what src/ does

/// Null for a value that was found.
using ValueAnswer = std::shared_ptr<const Nothing>;

/// That nothing was found under `key`.
ValueAnswer make_answer(std::string_view key, MissReason reason, std::optional<Failure> failure);

/// Reads each key into its value; what was not found may be half-written.
///
/// Errors: `InvalidKey`.
void read_values(const Cache& cache, const ValueTable& table,
                 std::span<const std::string_view> keys, std::span<void* const> values,
                 std::span<ValueAnswer> answers);
ValueAnswer read_value(const Cache& cache, const ValueTable& table, std::string_view key,
                       void* value);

/// Whether a default takes the place of what is not there.
///
/// Errors: the failure of an answer that failed, unless the cache ignores it.
void expect_no_failure(const Cache& cache, const ValueAnswer& answer);

/// Values on their way into a cache.
class ValueWriter {
 public:
    ValueWriter(const Cache& cache, Lifetime lifetime) : cache_(cache), lifetime_(lifetime) {}

    /// Errors: those of the value's converters, `InvalidKey`.
    template <class T>
    ValueWriter& add(std::string_view key, const T& value) {
        if constexpr (std::is_convertible_v<const T&, std::string_view> &&
                      std::same_as<StoredValue<T>, std::string>) {
            const std::string_view text = value;
            add_untyped(key, text_table, &text);
        } else {
            add_untyped(key, value_table<std::remove_cv_t<T>>, &value);
        }
        return *this;
    }
    template <class Pairs>
    ValueWriter& add_all(Pairs& pairs) {
        for (const auto& [key, value] : pairs) add(key, value);
        return *this;
    }
    void add_untyped(std::string_view key, const ValueTable& table, const void* value);

    /// What came of each, in order. Errors: `InvalidKey`.
    std::vector<Outcome> store(Store how) const;
    /// The same, and a failure that the cache ignores is reported.
    std::vector<Outcome> store_many(Store how) const;

 private:
    struct Prepared {
        std::string key;
        std::string bytes;
        Lifetime lifetime;
    };

    const Cache& cache_;
    Lifetime lifetime_;
    std::vector<Prepared> prepared_;
};

/// Removes, and reports a failure that the cache ignores. Errors: `InvalidKey`.
std::vector<Outcome> delete_keys(const Cache& cache, std::span<const std::string_view> keys);

/// Makes a value that is not in the cache.
class ValueMaker {
 public:
    /// Errors: what the user's function throws.
    virtual std::shared_ptr<const void> make() = 0;
    /// Errors: what the user's predicate throws.
    virtual bool keeps_out(const void* value) const = 0;

 protected:
    ~ValueMaker() = default;
};

template <class T, class Make, class Unless>
class ValueMakerOf final : public ValueMaker {
 public:
    ValueMakerOf(Make& make, const Unless& unless) : make_(make), unless_(unless) {}

    std::shared_ptr<const void> make() override {
        if constexpr (std::is_invocable_v<Make&>) {
            return std::make_shared<const T>(make_());
        } else {
            return std::make_shared<const T>(make_);
        }
    }
    bool keeps_out(const void* value) const override {
        return unless_(*static_cast<const T*>(value));
    }

 private:
    Make& make_;
    const Unless& unless_;
};

/// Whether get_or_set could store it and could call it.
template <class Make>
consteval bool check_value_and_function() {
    if constexpr (std::is_invocable_v<Make&>) {
        return value_problem<std::remove_cv_t<Make>>() == TypeProblem::none;
    } else {
        return false;
    }
}
template <class Make>
inline constexpr bool is_value_and_function = check_value_and_function<Make>();

struct CallOperator {
    void operator()();
};
/// Where F has a call operator of its own, of whatever form, the name means two.
template <class F>
struct TwoCallOperators : F, CallOperator {};

/// Whether get_or_set was given a function that it cannot call without arguments.
template <class Make>
consteval bool check_function_with_parameters() {
    using F = std::remove_cv_t<std::remove_pointer_t<Make>>;
    if constexpr (std::is_invocable_v<Make&>) {
        return false;
    } else if constexpr (std::is_class_v<F> && !std::is_final_v<F> && !std::is_pointer_v<Make>) {
        if constexpr (value_problem<F>() != TypeProblem::none) {
            return !requires { &TwoCallOperators<F>::operator(); };
        } else {
            return false;
        }
    } else {
        return std::is_function_v<F>;
    }
}
template <class Make>
inline constexpr bool is_function_with_parameters = check_function_with_parameters<Make>();

/// What a function of `get_or_set` makes, or the type of the value that is given in its place.
template <class Make>
struct MadeBy {
    using type = StoredValue<Make>;
};
template <class Make>
requires std::is_invocable_v<Make&>
struct MadeBy<Make> {
    using type = StoredValue<std::invoke_result_t<Make&>>;
};

/// The value: read into `hit`, and then null is returned, or made.
///
/// Errors: what the maker throws; `InvalidKey`, `TypeMismatch`, `RecursiveLoad`.
std::shared_ptr<const void> get_or_make_value(const Cache& cache, const ValueTable& table,
                                              std::string_view key, Lifetime lifetime,
                                              ValueMaker& maker, void* hit);

}  // namespace cachemodel::detail
