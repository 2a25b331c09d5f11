// cachemodel: the soak: what is done to a model without a loader: the cache has it, or nobody.
// SPDX-License-Identifier: MIT
#include "soak/notes.hpp"

#include <chrono>
#include <optional>
#include <thread>
#include <vector>

namespace cachemodel::soak {

namespace {

constexpr auto yes = History::Done::yes;
constexpr auto no = History::Done::no;
constexpr auto unknown = History::Done::unknown;

}  // namespace

void Notes::do_something() {
    const int id = hand_.some_id();
    const auto what = hand_.dice(100);
    if (what < 35) return get(id);
    if (what < 48) return get_many();
    if (what < 52) return exists(id);
    if (what < 65) return save(id);
    if (what < 70) return save_many();
    if (what < 77) return remove();
    if (what < 80) return touch(id);
    if (what < 92) return update(id);
    save_if_unchanged(id);
}

void Notes::check(Operation operation, int id, const Lookup<Note>& note, Interval read) const {
    if (note.found()) return check(operation, id, *note, read);
    if (note.failed()) return hand_.count(operation, id, Answer::failed);
    hand_.count(operation, id, Answer::absent, history(id).judge_absent(read, outages()));
}

void Notes::check(Operation operation, int id, const Note& note, Interval read) const {
    if (*note.id != id || *note.text != text_of("Note", id, *note.number)) {
        return hand_.count(operation, id, Answer::wrong, "it is another's, or torn");
    }
    auto verdict = history(id).judge(*note.number, read, outages());
    if (!verdict) verdict = history(id).judge_change(*note.number, *note.changed);
    hand_.count(operation, id, Answer::found, verdict);
}

void Notes::get(int id) {
    std::optional<Lookup<Note>> note;
    const auto read = hand_.timed(Operation::note_get, [&] { note = notes_.find(id); });
    if (note) check(Operation::note_get, id, *note, read);
}

void Notes::get_many() {
    const auto ids = hand_.some_ids();
    std::vector<Lookup<Note>> answers;
    const auto read =
        hand_.timed(Operation::note_get_many, [&] { answers = notes_.get_many(ids); });
    for (std::size_t i = 0; i < answers.size(); ++i) {
        check(Operation::note_get_many, ids[i], answers[i], read);
    }
}

void Notes::exists(int id) {
    std::optional<bool> is_there;
    const auto read = hand_.timed(Operation::note_exists, [&] {
        try {
            is_there = notes_.exists(id);
        } catch (const BackendError&) {
            hand_.count(Operation::note_exists, id, Answer::failed);
        }
    });
    if (!is_there) return;
    if (*is_there) return hand_.count(Operation::note_exists, id, Answer::found);
    hand_.count(Operation::note_exists, id, Answer::absent,
                history(id).judge_absent(read, outages()));
}

void Notes::save(int id) {
    const auto lifetime = hand_.dice(10) == 0 ? std::chrono::seconds{2 + hand_.dice(3)} : 0s;
    const auto number = history(id).begin(History::What::save, lifetime);
    const Note note{.id = id, .number = number, .text = text_of("Note", id, number)};
    bool is_saved = false;
    hand_.timed(Operation::note_save, [&] {
        try {
            notes_.save(note, lifetime == 0s ? never : Lifetime{lifetime});
            is_saved = true;
        } catch (const BackendError&) {
        }
    });
    history(id).end(number, is_saved ? yes : unknown);
    hand_.count(Operation::note_save, id, is_saved ? Answer::found : Answer::failed);
}

void Notes::save_many() {
    std::vector<Note> models;
    const auto ids = hand_.some_different_ids();
    for (const int id : ids) {
        const auto number = history(id).begin(History::What::save);
        models.push_back({.id = id, .number = number, .text = text_of("Note", id, number)});
    }
    std::vector<Outcome> outcomes(models.size(), Failure{BackendFault::timeout, "not made"});
    hand_.timed(Operation::note_save_many, [&] { outcomes = notes_.save_many(models); });
    for (std::size_t i = 0; i < models.size(); ++i) {
        const bool is_saved = outcomes[i].done();
        history(ids[i]).end(*models[i].number, is_saved ? yes : unknown);
        hand_.count(Operation::note_save_many, ids[i], is_saved ? Answer::found : Answer::failed);
    }
}

void Notes::remove() {
    const auto ids =
        hand_.dice(2) == 0 ? std::vector<int>{hand_.some_id()} : hand_.some_different_ids();
    std::vector<std::uint64_t> numbers;
    for (const int id : ids) numbers.push_back(history(id).begin(History::What::remove));
    const auto operation = ids.size() == 1 ? Operation::note_remove : Operation::note_remove_many;
    std::vector<Outcome> outcomes(ids.size(), Failure{BackendFault::timeout, "not made"});
    hand_.timed(operation, [&] {
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
        history(ids[i]).end(numbers[i], outcome.failed() ? unknown : yes);
        hand_.count(operation, ids[i],
                    outcome.failed() ? Answer::failed
                    : outcome.done() ? Answer::found
                                     : Answer::absent);
    }
}

void Notes::touch(int id) {
    const std::chrono::seconds lifetime{2 + hand_.dice(10)};
    history(id).touch(lifetime);
    auto answer = Answer::failed;
    hand_.timed(Operation::note_touch, [&] {
        try {
            answer = notes_.touch(id, lifetime) ? Answer::found : Answer::absent;
        } catch (const BackendError&) {
        }
    });
    history(id).touch(lifetime);
    hand_.count(Operation::note_touch, id, answer);
}

void Notes::change(Note& note, std::uint64_t number) {
    *note.changed = *note.number;
    *note.number = number;
    *note.text = text_of("Note", *note.id, number);
}

void Notes::end_change(Operation operation, int id, std::uint64_t number, std::uint64_t read,
                       History::Done done) const {
    history(id).end(number, done);
    if (done != yes) return hand_.count(operation, id, Answer::failed);
    hand_.count(operation, id, Answer::found, history(id).judge_change(number, read));
}

void Notes::update(int id) {
    const auto number = history(id).begin(History::What::save);
    std::uint64_t read = 0;
    auto done = no;
    bool is_missing = false;
    const auto begin = now();
    const auto call = hand_.timed(Operation::note_update, [&] {
        try {
            notes_.update(id, [&](Note& note) {
                check(Operation::note_update, id, note, {begin, now()});
                read = *note.number;
                change(note, number);
                history(id).change(number, read);
                done = unknown;
            });
            done = yes;
        } catch (const Missing&) {
            done = no;
            is_missing = true;
        } catch (const Conflict&) {
            done = no;
        } catch (const BackendError&) {
        }
    });
    end_change(Operation::note_update, id, number, read, done);
    if (!is_missing) return;
    hand_.count(Operation::note_update, id, Answer::absent,
                history(id).judge_absent(call, outages()));
}

void Notes::save_if_unchanged(int id) {
    std::optional<Lookup<Note>> note;
    const auto call = hand_.timed(Operation::note_get, [&] { note = notes_.find(id); });
    if (!note) return;
    check(Operation::note_get, id, *note, call);
    if (!note->found()) return;
    const auto number = history(id).begin(History::What::save);
    const auto read = *(*note)->number;
    history(id).change(number, read);
    if (hand_.dice(4) == 0) std::this_thread::sleep_for(1ms);
    change(**note, number);
    auto done = unknown;
    hand_.timed(Operation::note_save_if_unchanged, [&] {
        try {
            notes_.save_if_unchanged(*note);
            done = yes;
        } catch (const Conflict&) {
            done = no;
        } catch (const BackendError&) {
        }
    });
    end_change(Operation::note_save_if_unchanged, id, number, read, done);
}

}  // namespace cachemodel::soak
