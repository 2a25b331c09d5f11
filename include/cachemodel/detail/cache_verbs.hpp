// cachemodel: the verbs of Cache that depend on a type.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache.hpp>
#include <cachemodel/detail/value_maker.hpp>
#include <cachemodel/detail/values.hpp>

#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace cachemodel {

template <class T>
Lookup<T> Cache::get(std::string_view key) const {
    T value{};
    auto nothing = detail::read_value(*this, detail::value_table<T>, key, &value);
    return nothing ? Lookup<T>{std::move(nothing)} : Lookup<T>{std::move(value)};
}

template <class T>
detail::StoredValue<T> Cache::get_or(std::string_view key, T otherwise) const {
    static_assert(!detail::Null<T>,
                  "cachemodel: null says not which type to read: give get_or an empty "
                  "std::optional<T>");
    detail::StoredValue<T> value{};
    const auto nothing =
        detail::read_value(*this, detail::value_table<detail::StoredValue<T>>, key, &value);
    if (!nothing) return value;
    detail::expect_no_failure(*this, nothing);
    return detail::StoredValue<T>(std::move(otherwise));
}

template <class T>
bool Cache::set(std::string_view key, const T& value) const {
    return set(key, value, timeout());
}

template <class T>
bool Cache::set(std::string_view key, const T& value, Lifetime lifetime) const {
    return store_one(Store::set,
                     detail::ValueWriter{*this, lifetime}.add(key, value).store(Store::set));
}

template <class T>
bool Cache::add(std::string_view key, const T& value) const {
    return add(key, value, timeout());
}

template <class T>
bool Cache::add(std::string_view key, const T& value, Lifetime lifetime) const {
    return store_one(Store::add,
                     detail::ValueWriter{*this, lifetime}.add(key, value).store(Store::add));
}

template <class Make>
auto Cache::get_or_set(std::string_view key, Make&& make) const {
    return get_or_set(key, make, timeout());
}

template <class Make>
auto Cache::get_or_set(std::string_view key, Make&& make, Lifetime lifetime) const {
    return get_or_set(key, make, lifetime, [](const auto&) { return false; });
}

template <class Make, class Unless>
auto Cache::get_or_set(std::string_view key, Make&& make, Lifetime lifetime,
                       const Unless& unless) const {
    using Function = std::remove_reference_t<Make>;
    static_assert(!detail::is_value_and_function<Function>,
                  "cachemodel: get_or_set cannot tell whether this is the value or the function "
                  "that makes it: give it a lambda that returns the one that is meant");
    static_assert(!detail::is_function_with_parameters<Function>,
                  "cachemodel: the function given to get_or_set takes no parameters; let a lambda "
                  "capture what it needs");
    using T = typename detail::MadeBy<Function>::type;
    static_assert(!std::is_void_v<T>,
                  "cachemodel: the function given to get_or_set returns nothing");
    if constexpr (!std::is_void_v<T> && !detail::is_function_with_parameters<Function>) {
        detail::ValueMakerOf<T, Function, Unless> maker{make, unless};
        T hit{};
        const auto made =
            detail::get_or_make_value(*this, detail::value_table<T>, key, lifetime, maker, &hit);
        return made ? T(*static_cast<const T*>(made.get())) : std::move(hit);
    }
}

template <class T, class Keys>
std::vector<Lookup<T>> Cache::get_many(Keys&& keys) const {
    detail::KeyList list;
    for (const auto& key : keys) list.add(key);
    const auto views = list.views();
    std::vector<std::optional<T>> values(views.size());
    std::vector<void*> places;
    places.reserve(views.size());
    for (auto& value : values) places.push_back(&value.emplace());
    std::vector<detail::ValueAnswer> answers(views.size());
    detail::read_values(*this, detail::value_table<T>, views, places, answers);
    std::vector<Lookup<T>> lookups;
    lookups.reserve(views.size());
    for (std::size_t i = 0; i < views.size(); ++i) {
        lookups.push_back(answers[i] ? Lookup<T>{std::move(answers[i])}
                                     : Lookup<T>{std::move(*values[i])});
    }
    return lookups;
}

template <class Pairs>
std::vector<Outcome> Cache::set_many(Pairs&& pairs) const {
    return set_many(pairs, timeout());
}

template <class Pairs>
std::vector<Outcome> Cache::set_many(Pairs&& pairs, Lifetime lifetime) const {
    return detail::ValueWriter{*this, lifetime}.add_all(pairs).store_many(Store::set);
}

template <class Pairs>
std::vector<Outcome> Cache::add_many(Pairs&& pairs) const {
    return add_many(pairs, timeout());
}

template <class Pairs>
std::vector<Outcome> Cache::add_many(Pairs&& pairs, Lifetime lifetime) const {
    return detail::ValueWriter{*this, lifetime}.add_all(pairs).store_many(Store::add);
}

template <class Keys>
std::vector<Outcome> Cache::delete_many(Keys&& keys) const {
    detail::KeyList list;
    for (const auto& key : keys) list.add(key);
    return detail::delete_keys(*this, list.views());
}

}  // namespace cachemodel
