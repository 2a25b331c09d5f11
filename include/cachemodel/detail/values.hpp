// cachemodel: values under keys of the user's own; the untyped half of Cache's verbs.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>
#include <cachemodel/detail/value_table.hpp>
#include <cachemodel/lifetime.hpp>
#include <cachemodel/lookup.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace cachemodel {
class Cache;
}

namespace cachemodel::detail {

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
    /// Lifetime: that of this writer, until the next `add`.
    std::vector<Entry> entries() const;

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

/// As `Cache::store_many` does with `Store::set`. What `get_or_set` began to make earlier under
/// these keys is out of date.
std::vector<Outcome> replace_values(const Cache& cache, std::span<const Entry> entries);

/// Removes, and reports a failure that the cache ignores. Errors: `InvalidKey`.
std::vector<Outcome> delete_keys(const Cache& cache, std::span<const std::string_view> keys);

}  // namespace cachemodel::detail
