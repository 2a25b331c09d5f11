// cachemodel: the soak: what is kept in the cache, and where it comes from.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cached_function.hpp>
#include <cachemodel/models.hpp>

#include "soak/row.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cachemodel::soak {

using namespace std::chrono_literals;

inline constexpr int keys_of_each = 100;

struct Account;
struct Member;
struct Offer;
struct Order;
struct Parcel;
struct Price;
struct Product;
struct Quote;
struct Rate;

template <class T>
struct Rows {
    std::array<Row, keys_of_each> rows;
};

/// The source of truth: what the processes load from, and change.
struct Source : Rows<Account>,
                Rows<Member>,
                Rows<Offer>,
                Rows<Order>,
                Rows<Parcel>,
                Rows<Price>,
                Rows<Product>,
                Rows<Quote>,
                Rows<Rate> {
    template <class T>
    Row& row(int id) {
        return Rows<T>::rows.at(static_cast<std::size_t>(id));
    }
};

/// The text that belongs to a value: it tells one that was torn, or is another key's. Up to about
/// 2 kB long.
std::string text_of(std::string_view model, int id, std::uint64_t number);

/// What a source throws now and then.
struct SourceFailed : std::exception {
    const char* what() const noexcept override { return "the source failed"; }
};

/// As long as a source may take: mostly nothing, sometimes milliseconds. Now and then it throws.
void take_time();

/// Without a loader: the cache has it, or nobody.
struct Note {
    static constexpr ModelOptions cache_options{.name = "Note"};

    Key<int> id;
    Field<std::uint64_t> number;
    Field<std::uint64_t> changed;  ///< the number of what it was before; 0 where it was not changed
    Field<std::string> text;
};

struct Account {
    static constexpr ModelOptions cache_options{.expires = 300ms,
                                                .stale_while_refresh = 1s,
                                                .stale_if_error = 20s,
                                                .early_refresh = 1,
                                                .jitter = 0.1,
                                                .name = "Account"};

    Key<int> id;
    Field<std::uint64_t> number;
    Field<std::string> text;

    void from_miss(Source& source);
};

struct Order {
    static constexpr ModelOptions cache_options{.expires = 2s,
                                                .remember_missing = 500ms,
                                                .jitter = 0.2,
                                                .load_timeout = 5s,
                                                .name = "Order"};
    using Target = Account;
    static constexpr int target_of(int id) { return id * 7 % keys_of_each; }

    Key<int> id;
    Field<std::uint64_t> number;
    Field<std::string> text;
    Reference<Target> target;

    static std::vector<Order> from_miss_many(std::span<const Order> wanted, Source& source);
};

/// With references of two levels.
struct Parcel {
    static constexpr ModelOptions cache_options{
        .expires = 1s, .stale_while_refresh = 500ms, .name = "Parcel"};
    using Target = Order;
    static constexpr int target_of(int id) { return id * 3 % keys_of_each; }

    Key<int> id;
    Field<std::uint64_t> number;
    Field<std::string> text;
    Reference<Target> target;

    void from_miss(Source& source);
};

/// Found by an alias, which changes with every fourth version.
struct Member {
    static constexpr ModelOptions cache_options{
        .expires = 1s, .stale_while_refresh = 1s, .name = "Member"};
    static std::string alias_of(int id, std::uint64_t number);

    Key<int> id;
    Field<std::uint64_t> number;
    Field<std::string> text;
    Field<std::string> alias;

    using secondary_keys = SecondaryKeys<By<&Member::alias>>;

    void from_miss(Source& source);
    static std::optional<Member> from_miss_by(By<&Member::alias>, const std::string& alias,
                                              Source& source);
};

/// Loaded in two steps.
struct Product {
    static constexpr ModelOptions cache_options{
        .expires = 500ms, .stale_while_refresh = 1s, .name = "Product"};

    Key<int> id;
    Field<std::uint64_t> number;
    Field<std::string> text;
    Field<std::uint64_t> completed;  ///< the version that the second step saw; 0 in a part
    Field<std::string> details;

    void from_miss(Source& source);
    void complete(Source& source);
};

struct PriceRow {
    int id;
    Row::Version version;
};

/// The cache is told of its changes.
struct Price {
    static constexpr ModelOptions cache_options{.expires = 2s, .name = "Price"};

    Key<int> id;
    Field<std::uint64_t> number;
    Field<std::string> text;

    void from_miss(Source& source);
    void from_source(const PriceRow& row);
};

/// Nobody is told of its changes, and its source often fails, or takes too long.
struct Rate {
    static constexpr ModelOptions cache_options{
        .expires = 200ms, .stale_if_error = 2s, .load_timeout = 40ms, .name = "Rate"};

    Key<int> id;
    Field<std::uint64_t> number;
    Field<std::string> text;

    void from_miss(Source& source);
};

/// What a cached function gives.
struct Quote {
    std::uint64_t number = 0;
    std::string text;
};

/// What `quote` asks. Set before it is called first.
inline Source* source_of_quotes = nullptr;
Quote quote(int id);

using Quotes = CachedFunction<&quote>;
inline constexpr CallOptions<Quote> quote_options{
    .expires = 100ms, .stale_while_refresh = 2s, .name = "quote"};

/// What `get_or_set` keeps.
struct Offer {
    std::uint64_t number = 0;
    std::string text;
};
inline constexpr auto offer_lifetime = 1s;
Offer make_offer(Source& source, int id);

}  // namespace cachemodel::soak
