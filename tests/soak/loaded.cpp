// cachemodel: the soak: what is done to models with a loader. That the cache fails must not show.
// SPDX-License-Identifier: MIT
#include "soak/loaded.hpp"

#include <algorithm>
#include <optional>

namespace cachemodel::soak {

template <class M>
void Loaded::check(Operation operation, int id, const Lookup<M>& answer, Interval read) const {
    if (answer.failed()) {
        hand_.count_failure(operation, id, answer.failure());
    } else if (answer.absent()) {
        hand_.count(operation, id, Answer::absent, judge_.absent<M>(id, read));
    } else {
        hand_.count(operation, id, Answer::found, judge_.found(*answer, id, read, answer.stale()));
    }
}

template <class M>
void Loaded::get(Operation operation, const Door<M>& models) {
    const int id = hand_.some_id();
    std::optional<M> object;
    bool is_missing = false;
    const auto read = hand_.timed(operation, [&] {
        try {
            object = models.get(id);
        } catch (const Missing&) {
            is_missing = true;
        }
    });
    if (object) hand_.count(operation, id, Answer::found, judge_.found(*object, id, read));
    if (is_missing) hand_.count(operation, id, Answer::absent, judge_.absent<M>(id, read));
}

template <class M>
void Loaded::find(Operation operation, const Door<M>& models) {
    const int id = hand_.some_id();
    std::optional<Lookup<M>> answer;
    const auto read = hand_.timed(operation, [&] { answer = models.find(id); });
    if (answer) check(operation, id, *answer, read);
}

template <class M>
void Loaded::get_many(Operation operation, const Door<M>& models) {
    const auto ids = hand_.some_ids();
    std::vector<Lookup<M>> answers;
    const auto read = hand_.timed(operation, [&] { answers = models.get_many(ids); });
    for (std::size_t i = 0; i < answers.size(); ++i) check(operation, ids[i], answers[i], read);
}

template <class M>
void Loaded::change_and_remove(Operation operation, const Door<M>& models) {
    const int id = hand_.some_id();
    changes_.make(operation, hand_.source().row<M>(id), id, hand_.dice(8) != 0,
                  [&models, id] { return models.remove(id) ? Answer::found : Answer::absent; });
}

void Loaded::use_accounts() {
    const auto what = hand_.dice(100);
    if (what < 45) return get(Operation::account_get, accounts_);
    if (what < 60) return find(Operation::account_find, accounts_);
    if (what < 80) return get_many(Operation::account_get_many, accounts_);
    change_and_remove(Operation::account_remove, accounts_);
}

void Loaded::use_orders() {
    const auto what = hand_.dice(100);
    if (what < 60) return find(Operation::order_get, orders_);
    if (what < 85) return get_many(Operation::order_get_many, orders_);
    change_and_remove(Operation::order_remove, orders_);
}

void Loaded::use_parcels() {
    const auto what = hand_.dice(100);
    if (what < 60) return get(Operation::parcel_get, parcels_);
    if (what < 85) return get_many(Operation::parcel_get_many, parcels_);
    change_and_remove(Operation::parcel_remove, parcels_);
}

// Members are found by their aliases.

void Loaded::use_members() {
    const auto what = hand_.dice(100);
    if (what < 55) return find_member();
    if (what < 80) return find_members();
    change_and_remove(Operation::member_remove, members_);
}

std::string Loaded::some_alias(int id) {
    const auto number = hand_.source().row<Member>(id).read().number;
    const auto back = hand_.dice(4) == 0 ? hand_.dice(8) : 0;
    return Member::alias_of(id, number - std::min<std::uint64_t>(back, number));
}

void Loaded::check_by(Operation operation, const std::string& alias, int id,
                      const Lookup<Member>& answer, Interval read) const {
    if (answer.absent()) {
        hand_.count(operation, id, Answer::absent, judge_.absent_by(alias, id, read));
    } else if (answer.found() && *answer->alias != alias) {
        hand_.count(operation, id, Answer::wrong, "it has another alias");
    } else {
        check(operation, id, answer, read);
    }
}

void Loaded::find_member() {
    const int id = hand_.some_id();
    const auto alias = some_alias(id);
    std::optional<Lookup<Member>> answer;
    const auto read = hand_.timed(Operation::member_find_by,
                                  [&] { answer = members_.find_by<&Member::alias>(alias); });
    if (answer) check_by(Operation::member_find_by, alias, id, *answer, read);
}

void Loaded::find_members() {
    const auto ids = hand_.some_ids();
    std::vector<std::string> aliases;
    for (const int id : ids) aliases.push_back(some_alias(id));
    std::vector<Lookup<Member>> answers;
    const auto read = hand_.timed(Operation::member_get_many_by,
                                  [&] { answers = members_.get_many_by<&Member::alias>(aliases); });
    for (std::size_t i = 0; i < answers.size(); ++i) {
        check_by(Operation::member_get_many_by, aliases[i], ids[i], answers[i], read);
    }
}

// Products are loaded in two steps. Callers may get a part, and the cache must never have one.

void Loaded::use_products() {
    const auto what = hand_.dice(100);
    if (what < 40) return get(Operation::product_get, products_);
    if (what < 55) return get_many(Operation::product_get_many, products_);
    if (what < 85) return get_stored_product();
    change_and_remove(Operation::product_remove, products_);
}

void Loaded::get_stored_product() {
    constexpr auto operation = Operation::product_stored;
    const int id = hand_.some_id();
    std::optional<Created<Product>> stored;
    const auto read = hand_.timed(operation, [&] {
        try {
            stored = products_.get_or_create({.id = id});
        } catch (const BackendError&) {
            hand_.count(operation, id, Answer::failed);
        }
    });
    if (!stored) return;
    if (stored->created) return hand_.count(operation, id, Answer::absent);
    auto verdict = judge_.found(stored->model, id, read);
    if (*stored->model.completed == 0) verdict = "a part of it is in the cache";
    hand_.count(operation, id, Answer::found, verdict);
}

// Prices are pushed, those of one key by one thread.

void Loaded::use_prices() {
    const auto what = hand_.dice(100);
    if (what < 50) return get(Operation::price_get, prices_);
    if (what < 65) return get_many(Operation::price_get_many, prices_);
    if (what < 90) return push_price();
    push_prices();
}

Changes::Tell Loaded::push_of(int id) const {
    return [this, id] {
        auto& row = hand_.source().row<Price>(id);
        const auto version = row.read();
        try {
            return prices_.refresh_from(PriceRow{id, version}) ? Answer::found : Answer::absent;
        } catch (const BackendError&) {
            row.may_be_stored(version.number);
            throw;
        }
    };
}

void Loaded::push_price() {
    const int id = hand_.some_id_of_thread();
    changes_.make(Operation::price_refresh_from, hand_.source().row<Price>(id), id,
                  hand_.dice(8) != 0, push_of(id));
}

void Loaded::push_prices() {
    constexpr auto operation = Operation::price_refresh_from_many;
    if (changes_.has_enough()) return;
    std::vector<PriceRow> rows;
    for (auto count = 1 + hand_.dice(4); count > 0; --count) {
        const int id = hand_.some_id_of_thread();
        if (std::ranges::find(rows, id, &PriceRow::id) != rows.end()) continue;
        rows.push_back({id, hand_.source().row<Price>(id).commit(hand_.dice(8) != 0)});
    }
    std::vector<Outcome> outcomes(rows.size(), Failure{BackendFault::timeout, "not made"});
    const auto call = hand_.timed(operation, [&] { outcomes = prices_.refresh_from_many(rows); });
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto& [id, version] = rows[i];
        auto& row = hand_.source().row<Price>(id);
        if (outcomes[i].failed()) {
            row.may_be_stored(version.number);
            changes_.put_off(Operation::price_refresh_from, row, id, push_of(id));
            hand_.count(operation, id, Answer::failed);
        } else {
            row.told(version.number, call.begin, Tally::name_of(operation));
            hand_.count(operation, id, outcomes[i].done() ? Answer::found : Answer::absent);
        }
    }
}

// Of changes of rates nobody is told, and their loader often fails, or is too slow.

void Loaded::use_rates() {
    const auto what = hand_.dice(100);
    if (what < 20) {
        hand_.source().row<Rate>(hand_.some_id()).commit(hand_.dice(8) != 0);
    } else if (what < 40) {
        get_many(Operation::rate_get_many, rates_);
    } else {
        find(Operation::rate_find, rates_);
    }
}

}  // namespace cachemodel::soak
