// cachemodel: the keys of a model as bytes, to find an object of this process by.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/key_arguments.hpp>
#include <cachemodel/detail/key_text.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace cachemodel::detail {

/// The keys of a model as bytes: those of two models of one class differ unless the keys are equal.
/// Made much faster than the text of a key, as most need no more than to be copied; of no use
/// outside of this process.
class KeyBytes {
 public:
    /// Of keys as `with_keys` takes them; of others it is incomplete.
    template <class M, class... Given>
    static KeyBytes of(const Given&... given) {
        KeyBytes bytes;
        if constexpr (!Model<M>) {
            bytes.is_complete_ = false;
        } else if constexpr (sizeof...(Given) == 1 && (std::derived_from<Given, M> && ...)) {
            (bytes.add_model<M>(given, std::make_index_sequence<key_count<M>>{}), ...);
        } else if constexpr (are_keys<M, Given...>()) {
            bytes.add_all<M>(std::tie(given...), std::make_index_sequence<key_count<M>>{});
        } else if constexpr (sizeof...(Given) == 1 && (is_key_tuple<M, Given>() && ...)) {
            (bytes.add_all<M>(given, std::make_index_sequence<key_count<M>>{}), ...);
        } else {
            bytes.is_complete_ = false;
        }
        return bytes;
    }

    /// Of a key that has none.
    static KeyBytes incomplete() {
        KeyBytes bytes;
        bytes.is_complete_ = false;
        return bytes;
    }

    /// Whether all keys were set.
    bool is_complete() const noexcept { return is_complete_; }
    std::string_view view() const noexcept {
        return longer_.empty() ? std::string_view{short_.data(), size_} : longer_;
    }

 private:
    template <class M, std::size_t... I>
    void add_model(const M& model, std::index_sequence<I...>) {
        (add_key(member<MemberKinds<M>::key_indices[I]>(model)), ...);
    }
    template <class M, class Tuple, std::size_t... I>
    void add_all(const Tuple& keys, std::index_sequence<I...>) {
        (add_given<std::tuple_element_t<I, KeyTuple<M>>>(std::get<I>(keys)), ...);
    }

    template <class T, class Given>
    void add_given(const Given& given) {
        if constexpr (is_text<T> && std::convertible_to<const Given&, std::string_view>) {
            add_text(given);
        } else {
            Key<T> key;
            assign_key(key, given);
            add_key(key);
        }
    }
    template <class T>
    void add_key(const Key<T>& key) {
        is_complete_ = is_complete_ && key.is_set();
        if constexpr (is_text<T>) {
            add_text(*key);
        } else if constexpr ((std::integral<T> || std::is_enum_v<T>)&&!HasToCacheKey<T>) {
            add(&*key, sizeof(T));
        } else {
            std::string text;
            append_key(text, *key);
            add_text(text);
        }
    }
    void add_text(std::string_view text) {
        const std::size_t size = text.size();
        add(&size, sizeof size);
        add(text.data(), size);
    }
    void add(const void* bytes, std::size_t size) {
        if (longer_.empty() && size <= short_.size() - size_) {
            if (size > 0) std::memcpy(short_.data() + size_, bytes, size);
            size_ += size;
        } else {
            if (longer_.empty()) longer_.assign(short_.data(), size_);
            longer_.append(static_cast<const char*>(bytes), size);
        }
    }

    template <class T>
    static constexpr bool is_text = CharString<T> && !HasToCacheKey<T>;

    std::array<char, 120> short_;  // written as far as `size_` says
    std::size_t size_ = 0;
    bool is_complete_ = true;
    std::string longer_;  ///< all of it, where it is longer
};

}  // namespace cachemodel::detail
