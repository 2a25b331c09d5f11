// cachemodel: the soak: what is kept in the cache, and where it comes from.
// SPDX-License-Identifier: MIT
#include "soak/models.hpp"

#include <random>
#include <thread>

namespace cachemodel::soak {

std::string text_of(std::string_view model, int id, std::uint64_t number) {
    std::string word{model};
    word += ' ' + std::to_string(id) + ' ' + std::to_string(number) + ';';
    std::string text;
    for (auto times = 1 + number * 31 % 100; times > 0; --times) text += word;
    return text;
}

void take_time() {
    thread_local std::minstd_rand random{std::random_device{}()};
    const auto dice = random() % 50;
    if (dice == 0) std::this_thread::sleep_for(30ms);
    if (dice == 1 && random() % 4 == 0) throw SourceFailed{};
    if (dice >= 40) std::this_thread::sleep_for(std::chrono::microseconds{random() % 5000});
}

namespace {

/// Reads first and is slow then: what it has in hand grows old.
Row::Version ask(const Row& row) {
    const auto version = row.read();
    take_time();
    return version;
}

}  // namespace

void Account::from_miss(Source& source) {
    const auto version = ask(source.accounts.at(static_cast<std::size_t>(*id)));
    if (!version.exists) throw Missing{};
    *number = version.number;
    *text = text_of("Account", *id, version.number);
}

std::vector<Order> Order::from_miss_many(std::span<const Order> wanted, Source& source) {
    std::vector<Order> found;
    for (const auto& each : wanted) {
        const auto version = source.orders.at(static_cast<std::size_t>(*each.id)).read();
        if (!version.exists) continue;
        found.push_back({.id = *each.id,
                         .number = version.number,
                         .text = text_of("Order", *each.id, version.number),
                         .account = Reference<Account>::to(account_of(*each.id))});
    }
    take_time();
    return found;
}

Quote quote(int id) {
    const auto version = ask(source_of_quotes->quotes.at(static_cast<std::size_t>(id)));
    return {version.number, text_of("Quote", id, version.number)};
}

}  // namespace cachemodel::soak
