// cachemodel: the soak: a thread that does everything at once, and checks what comes back.
// SPDX-License-Identifier: MIT
#include "soak/worker.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>
#include <thread>

namespace cachemodel::soak {

namespace {

/// A source that cannot get its changes into the cache makes no more of them.
constexpr std::size_t most_failed_removals = 4;

/// One failure that must show, since there is nothing else to give.
bool is_of_the_source(const Failure& failure) {
    try {
        failure.rethrow();
    } catch (const SourceFailed&) {
        return true;
    } catch (...) {
        return false;
    }
}

std::size_t index(int id) { return static_cast<std::size_t>(id); }

}  // namespace

void Worker::work() {
    while (!world_.is_ending) {
        repeat_removals();
        const auto what = dice(100);
        if (what < 40) {
            notes();
        } else if (what < 70) {
            accounts();
        } else if (what < 85) {
            orders();
        } else {
            quotes();
        }
        if (dice(20) == 0) std::this_thread::sleep_for(1ms);
    }
}

template <class Call>
Interval Worker::timed(Operation operation, const Call& call) {
    const auto begin = now();
    try {
        call();
    } catch (const SourceFailed&) {
        count(operation, -1, Answer::failed, {});
    } catch (const std::exception& error) {
        count(operation, -1, Answer::wrong, std::string{"it threw "} + error.what());
    }
    const auto end = now();
    world_.tally.call(operation, end - begin);
    return {begin, end};
}

void Worker::count_failure(Operation operation, int id, const Failure& failure) {
    Verdict verdict;
    if (!is_of_the_source(failure)) verdict = "it failed: " + failure.message();
    count(operation, id, Answer::failed, verdict);
}

void Worker::count(Operation operation, int id, Answer right, const Verdict& verdict) {
    if (!verdict) return world_.tally.answer(operation, right);
    const auto name = Tally::name_of(operation);
    world_.tally.wrong(operation, std::string{name} + ' ' + std::to_string(id) + ": " + *verdict);
}

template <class T>
void Worker::check_all(Operation operation, const std::vector<int>& ids,
                       const std::vector<Lookup<T>>& answers, Interval read) {
    for (std::size_t i = 0; i < answers.size(); ++i) check(operation, ids[i], answers[i], read);
}

int Worker::some_id() { return static_cast<int>(dice(4) == 0 ? dice(4) : dice(keys_of_each)); }

std::vector<int> Worker::some_ids() {
    std::vector<int> ids(1 + dice(12));
    for (auto& id : ids) id = some_id();
    return ids;
}

// Notes: the cache has them, or nobody.

void Worker::notes() {
    const int id = some_id();
    const auto what = dice(100);
    if (what < 40) {
        std::optional<Lookup<Note>> note;
        const auto read = timed(Operation::note_get, [&] { note = notes_.find(id); });
        if (note) check(Operation::note_get, id, *note, read);
    } else if (what < 55) {
        const auto ids = some_ids();
        std::vector<Lookup<Note>> answers;
        const auto read = timed(Operation::note_get_many, [&] { answers = notes_.get_many(ids); });
        check_all(Operation::note_get_many, ids, answers, read);
    } else if (what < 60) {
        std::optional<bool> is_there;
        const auto read = timed(Operation::note_exists, [&] {
            try {
                is_there = notes_.exists(id);
            } catch (const BackendError&) {
                count(Operation::note_exists, id, Answer::failed, {});
            }
        });
        if (!is_there) return;
        if (*is_there) return count(Operation::note_exists, id, Answer::found, {});
        count(Operation::note_exists, id, Answer::absent,
              world_.notes[index(id)].judge_absent(read, world_.outages));
    } else if (what < 80) {
        save_note(id);
    } else if (what < 86) {
        save_notes();
    } else if (what < 95) {
        remove_notes();
    } else {
        touch_note(id);
    }
}

void Worker::check(Operation operation, int id, const Lookup<Note>& note, Interval read) {
    const auto& history = world_.notes[index(id)];
    if (note.failed()) {
        count(operation, id, Answer::failed, {});
    } else if (note.absent()) {
        count(operation, id, Answer::absent, history.judge_absent(read, world_.outages));
    } else if (*note->id != id || *note->text != text_of("Note", id, *note->number)) {
        count(operation, id, Answer::wrong, "it is another's, or torn");
    } else {
        count(operation, id, Answer::found, history.judge(*note->number, read, world_.outages));
    }
}

void Worker::save_note(int id) {
    auto& history = world_.notes[index(id)];
    const auto lifetime = dice(10) == 0 ? std::chrono::seconds{2 + dice(3)} : 0s;
    const auto number = history.begin(History::What::save, lifetime);
    const Note note{.id = id, .number = number, .text = text_of("Note", id, number)};
    bool is_saved = false;
    timed(Operation::note_save, [&] {
        try {
            notes_.save(note, lifetime == 0s ? never : Lifetime{lifetime});
            is_saved = true;
        } catch (const BackendError&) {
        }
    });
    history.end(number, is_saved);
    count(Operation::note_save, id, is_saved ? Answer::found : Answer::failed, {});
}

void Worker::save_notes() {
    std::vector<Note> models;
    auto ids = some_ids();
    std::ranges::sort(ids);
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    for (const int id : ids) {
        const auto number = world_.notes[index(id)].begin(History::What::save);
        models.push_back({.id = id, .number = number, .text = text_of("Note", id, number)});
    }
    std::vector<Outcome> outcomes(models.size(), Failure{BackendFault::timeout, "not made"});
    timed(Operation::note_save_many, [&] { outcomes = notes_.save_many(models); });
    for (std::size_t i = 0; i < models.size(); ++i) {
        world_.notes[index(ids[i])].end(*models[i].number, outcomes[i].done());
        count(Operation::note_save_many, ids[i],
              outcomes[i].done() ? Answer::found : Answer::failed, {});
    }
}

void Worker::remove_notes() {
    auto ids = dice(2) == 0 ? std::vector<int>{some_id()} : some_ids();
    std::ranges::sort(ids);
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    std::vector<std::uint64_t> numbers;
    for (const int id : ids) {
        numbers.push_back(world_.notes[index(id)].begin(History::What::remove));
    }
    const auto operation = ids.size() == 1 ? Operation::note_remove : Operation::note_remove_many;
    std::vector<Outcome> outcomes(ids.size(), Failure{BackendFault::timeout, "not made"});
    timed(operation, [&] {
        if (ids.size() > 1) {
            outcomes = notes_.remove_many(ids);
            return;
        }
        try {
            outcomes[0] = notes_.remove(ids[0]) ? Outcome{} : Outcome::declined_by_backend();
        } catch (const BackendError&) {
        }
    });
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const auto& outcome = outcomes[i];
        world_.notes[index(ids[i])].end(numbers[i], !outcome.failed());
        count(operation, ids[i],
              outcome.failed() ? Answer::failed
              : outcome.done() ? Answer::found
                               : Answer::absent,
              {});
    }
}

void Worker::touch_note(int id) {
    auto& history = world_.notes[index(id)];
    const std::chrono::seconds lifetime{2 + dice(10)};
    history.touch(lifetime);
    auto answer = Answer::failed;
    timed(Operation::note_touch, [&] {
        try {
            answer = notes_.touch(id, lifetime) ? Answer::found : Answer::absent;
        } catch (const BackendError&) {
        }
    });
    history.touch(lifetime);
    count(Operation::note_touch, id, answer, {});
}

// Accounts and orders: models with a loader. That the cache fails must not show.

void Worker::accounts() {
    const int id = some_id();
    const auto what = dice(100);
    if (what < 45) {
        std::optional<Lookup<Account>> account;
        bool is_missing = false;
        const auto read = timed(Operation::account_get, [&] {
            try {
                account = Lookup<Account>{accounts_.get(id)};
            } catch (const Missing&) {
                is_missing = true;
            }
        });
        if (account) check(Operation::account_get, id, *account, read);
        if (!is_missing) return;
        count(Operation::account_get, id, Answer::absent,
              world_.source.accounts[index(id)].judge_absent(read));
    } else if (what < 60) {
        std::optional<Lookup<Account>> account;
        const auto read = timed(Operation::account_find, [&] { account = accounts_.find(id); });
        if (account) check(Operation::account_find, id, *account, read);
    } else if (what < 80) {
        const auto ids = some_ids();
        std::vector<Lookup<Account>> answers;
        const auto read =
            timed(Operation::account_get_many, [&] { answers = accounts_.get_many(ids); });
        check_all(Operation::account_get_many, ids, answers, read);
    } else {
        change(Operation::account_remove, id, true);
    }
}

void Worker::check(Operation operation, int id, const Lookup<Account>& account, Interval read) {
    const auto& row = world_.source.accounts[index(id)];
    if (account.failed()) {
        count_failure(operation, id, account.failure());
    } else if (account.absent()) {
        count(operation, id, Answer::absent, row.judge_absent(read));
    } else if (*account->id != id || *account->text != text_of("Account", id, *account->number)) {
        count(operation, id, Answer::wrong, "it is another's, or torn");
    } else {
        count(operation, id, Answer::found, row.judge(*account->number, read));
    }
}

void Worker::orders() {
    const int id = some_id();
    const auto what = dice(100);
    if (what < 60) {
        std::optional<Lookup<Order>> order;
        const auto read = timed(Operation::order_get, [&] { order = orders_.find(id); });
        if (order) check(Operation::order_get, id, *order, read);
    } else if (what < 85) {
        const auto ids = some_ids();
        std::vector<Lookup<Order>> answers;
        const auto read =
            timed(Operation::order_get_many, [&] { answers = orders_.get_many(ids); });
        check_all(Operation::order_get_many, ids, answers, read);
    } else {
        change(Operation::order_remove, id, true);
    }
}

void Worker::check(Operation operation, int id, const Lookup<Order>& order, Interval read) {
    const auto& row = world_.source.orders[index(id)];
    const auto& row_of_account = world_.source.accounts[index(account_of(id))];
    if (order.failed()) {
        return count_failure(operation, id, order.failure());
    }
    if (order.absent()) {
        // Or its account is not there: then the order counts as missing, too.
        const auto verdict = row.judge_absent(read);
        const bool is_broken = verdict && !row_of_account.judge_absent(read);
        return count(operation, id, Answer::absent, is_broken ? std::nullopt : verdict);
    }
    const auto& account = order->account;
    if (*order->id != id || *order->text != text_of("Order", id, *order->number) ||
        !account.loaded() || *account->id != account_of(id) ||
        *account->text != text_of("Account", account_of(id), *account->number)) {
        return count(operation, id, Answer::wrong, "it is another's, or torn");
    }
    auto verdict = row.judge(*order->number, read);
    if (!verdict) {
        verdict = row_of_account.judge(*account->number, read);
        if (verdict) verdict = "its account: " + *verdict;
    }
    count(operation, id, Answer::found, verdict);
}

// Quotes: a cached function.

void Worker::quotes() {
    const int id = some_id();
    const auto what = dice(100);
    if (what < 50) {
        std::optional<Lookup<Quote>> answer;
        const auto read =
            timed(Operation::quote_call, [&] { answer = Lookup<Quote>{quotes_(id)}; });
        if (answer) check(Operation::quote_call, id, *answer, read);
    } else if (what < 65) {
        std::optional<Lookup<Quote>> answer;
        const auto read = timed(Operation::quote_peek, [&] { answer = quotes_.peek(id); });
        if (!answer) return;
        if (answer->failed()) return count(Operation::quote_peek, id, Answer::failed, {});
        if (answer->absent()) return count(Operation::quote_peek, id, Answer::absent, {});
        check(Operation::quote_peek, id, *answer, read);
    } else if (what < 80) {
        const auto ids = some_ids();
        std::vector<Lookup<Quote>> answers;
        const auto read =
            timed(Operation::quote_prefetch, [&] { answers = quotes_.prefetch(ids); });
        check_all(Operation::quote_prefetch, ids, answers, read);
    } else {
        change(Operation::quote_invalidate, id, false);
    }
}

void Worker::check(Operation operation, int id, const Lookup<Quote>& quote, Interval read) {
    if (quote.failed()) return count_failure(operation, id, quote.failure());
    if (!quote.found()) return count(operation, id, Answer::wrong, "it has no result");
    if (quote->text != text_of("Quote", id, quote->number)) {
        return count(operation, id, Answer::wrong, "it is another's, or torn");
    }
    count(operation, id, Answer::found, world_.source.quotes[index(id)].judge(quote->number, read));
}

// Changes of the source.

Row& Worker::row_of(Operation operation, int id) {
    auto& source = world_.source;
    if (operation == Operation::account_remove) return source.accounts[index(id)];
    if (operation == Operation::order_remove) return source.orders[index(id)];
    return source.quotes[index(id)];
}

void Worker::change(Operation operation, int id, bool may_delete) {
    if (failed_removals_.size() == most_failed_removals) return;
    const bool exists = !may_delete || dice(8) != 0;
    remove({operation, id, row_of(operation, id).commit(exists).number});
}

void Worker::remove(const Change& change) {
    const auto& [operation, id, number] = change;
    auto answer = Answer::failed;
    timed(operation, [&, operation = operation, id = id] {
        try {
            bool was_there = true;  // an invalidation does not tell
            if (operation == Operation::account_remove) {
                was_there = accounts_.remove(id);
            } else if (operation == Operation::order_remove) {
                was_there = orders_.remove(id);
            } else {
                quotes_.invalidate(id);
            }
            answer = was_there ? Answer::found : Answer::absent;
        } catch (const BackendError&) {
        }
    });
    count(operation, id, answer, {});
    if (answer != Answer::failed) return row_of(operation, id).removed(number);
    failed_removals_.push_back(change);
    repeat_at_ = now() + 50ms;
}

void Worker::repeat_removals() {
    if (failed_removals_.empty() || now() < repeat_at_) return;
    const auto change = failed_removals_.front();
    failed_removals_.pop_front();
    remove(change);
}

}  // namespace cachemodel::soak
