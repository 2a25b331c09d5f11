// cachemodel: the soak: what is kept in the cache, and where it comes from.
// SPDX-License-Identifier: MIT
#include "soak/models.hpp"

#include <charconv>
#include <random>
#include <thread>

namespace cachemodel::soak {

namespace {

std::minstd_rand& chance() {
    thread_local std::minstd_rand random{std::random_device{}()};
    return random;
}

/// Reads first and is slow then: what it has in hand grows old.
Row::Version ask(const Row& row) {
    const auto version = row.read();
    take_time();
    return version;
}

template <class M>
void load(M& model, std::string_view name, Row::Version version) {
    if (!version.exists) throw Missing{};
    *model.number = version.number;
    *model.text = text_of(name, *model.id, version.number);
}

template <class M>
void load(M& model, Source& source) {
    load(model, M::cache_options.name, ask(source.row<M>(*model.id)));
}

}  // namespace

std::string text_of(std::string_view model, int id, std::uint64_t number) {
    std::string word{model};
    word += ' ' + std::to_string(id) + ' ' + std::to_string(number) + ';';
    std::string text;
    for (auto times = 1 + number * 31 % 100; times > 0; --times) text += word;
    return text;
}

void take_time() {
    const auto dice = chance()() % 50;
    if (dice == 0) std::this_thread::sleep_for(30ms);
    if (dice == 1 && chance()() % 4 == 0) throw SourceFailed{};
    if (dice >= 40) std::this_thread::sleep_for(std::chrono::microseconds{chance()() % 5000});
}

void Account::from_miss(Source& source) { load(*this, source); }

std::vector<Order> Order::from_miss_many(std::span<const Order> wanted, Source& source) {
    std::vector<Order> found;
    for (const auto& each : wanted) {
        const auto version = source.row<Order>(*each.id).read();
        if (!version.exists) continue;
        found.push_back({.id = *each.id,
                         .number = version.number,
                         .text = text_of("Order", *each.id, version.number),
                         .target = Reference<Account>::to(target_of(*each.id))});
    }
    take_time();
    return found;
}

void Parcel::from_miss(Source& source) {
    load(*this, source);
    target = Reference<Order>::to(target_of(*id));
}

std::string Member::alias_of(int id, std::uint64_t number) {
    return std::to_string(id) + '-' + std::to_string(number / 4);
}

void Member::from_miss(Source& source) {
    load(*this, source);
    *alias = alias_of(*id, *number);
}

std::optional<Member> Member::from_miss_by(By<&Member::alias>, const std::string& alias,
                                           Source& source) {
    int id = 0;
    std::from_chars(alias.data(), alias.data() + alias.size(), id);
    const auto version = ask(source.row<Member>(id));
    if (!version.exists || alias_of(id, version.number) != alias) return std::nullopt;
    return Member{.id = id};
}

void Product::from_miss(Source& source) { load(*this, source); }

void Product::complete(Source& source) {
    *completed = ask(source.row<Product>(*id)).number;
    *details = text_of("details", *id, *completed);
}

void Price::from_miss(Source& source) { load(*this, source); }

void Price::from_source(const PriceRow& row) {
    id = row.id;
    load(*this, cache_options.name, row.version);
}

void Rate::from_miss(Source& source) {
    const auto version = source.row<Rate>(*id).read();
    const auto dice = chance()() % 100;
    if (dice < 20) std::this_thread::sleep_for(std::chrono::milliseconds{chance()() % 150});
    if (dice % 5 < 2) throw SourceFailed{};
    load(*this, cache_options.name, version);
}

Quote quote(int id) {
    const auto version = ask(source_of_quotes->row<Quote>(id));
    std::this_thread::sleep_for(std::chrono::milliseconds{chance()() % 10});
    return {version.number, text_of("Quote", id, version.number)};
}

Offer make_offer(Source& source, int id) {
    const auto version = ask(source.row<Offer>(id));
    return {version.number, text_of("Offer", id, version.number)};
}

}  // namespace cachemodel::soak
