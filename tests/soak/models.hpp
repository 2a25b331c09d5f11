// cachemodel: the soak: what is kept in the cache, and where it comes from.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cached_function.hpp>
#include <cachemodel/models.hpp>

#include "soak/oracle.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cachemodel::soak {

using namespace std::chrono_literals;

inline constexpr int keys_of_each = 100;

/// The source of truth: what the processes load from, and change.
struct Source {
    std::array<Row, keys_of_each> accounts;
    std::array<Row, keys_of_each> orders;
    std::array<Row, keys_of_each> quotes;
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

    Key<int> id;
    Field<std::uint64_t> number;
    Field<std::string> text;
    Reference<Account> account;

    static std::vector<Order> from_miss_many(std::span<const Order> wanted, Source& source);
};

/// Of which order which account.
constexpr int account_of(int order) { return order * 7 % keys_of_each; }

struct Quote {
    std::uint64_t number = 0;
    std::string text;
};

/// What `quote` asks. Set before it is called first.
inline Source* source_of_quotes = nullptr;
Quote quote(int id);

using Quotes = CachedFunction<&quote>;
inline constexpr CallOptions<Quote> quote_options{
    .expires = 500ms, .stale_while_refresh = 2s, .name = "quote"};

}  // namespace cachemodel::soak
