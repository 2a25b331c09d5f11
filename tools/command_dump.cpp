// cachemodel: the command line tool: all about one entry, also where it is broken.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/cbor.hpp>

#include <array>
#include <chrono>
#include <cinttypes>
#include <cstdio>

#include "commands.hpp"
#include "entries.hpp"
#include "entry.hpp"
#include "entry_key.hpp"
#include "found.hpp"
#include "json_text.hpp"
#include "target.hpp"
#include "times.hpp"

namespace cachemodel::tool {

namespace {

using nlohmann::json;

constexpr std::size_t bytes_shown = 64;

/// A random number, as 16 digits.
std::string digits(std::uint64_t number) {
    std::array<char, 17> text{};
    std::snprintf(text.data(), text.size(), "%016" PRIx64, number);
    return text.data();
}

class Dump {
 public:
    Dump(Session& session, const Target& target) : session_(session), target_(target) {}

    void about(const NamedKey& key, const StoredBytes& stored) {
        line("key", "key", key.shown);
        line("final_key", "final key", visible(key.final_key, Shown::line));
        row("size",
            std::to_string(stored.bytes.size()) + (stored.bytes.size() == 1 ? " byte" : " bytes"));
        session_.document["size"] = stored.bytes.size();
        line("kind", "kind",
             stored.kind == StoredBytes::Kind::foreign ? "foreign, no entry of cachemodel"
                                                       : name_of(stored.kind));
        session_.document["kind"] = name_of(stored.kind);
        if (stored.kind == StoredBytes::Kind::entry) about_envelope(key, stored);
        about_lifetime(key);
        about_problems(key, stored);
        about_value(stored);
    }

 private:
    void row(std::string_view name, std::string_view value, Look look = Look::plain) {
        if (session_.arguments.json) return;
        constexpr std::size_t width = 14;
        std::string label{name};
        label.resize(width, ' ');
        Screen& screen = session_.screen;
        screen.write(screen.dressed(label, Look::faint));
        session_.show_line(value, look);
    }
    void line(const char* member, std::string_view name, std::string_view value,
              Look look = Look::plain) {
        session_.document[member] = value;
        row(name, value, look);
    }

    bool is_over(detail::WallTime time) const { return detail::wall_time(target_.cache()) >= time; }

    void about_envelope(const NamedKey& key, const StoredBytes& stored) {
        json& document = session_.document;
        if (stored.format) {
            document["format"] = *stored.format;
            row("format", std::to_string(*stored.format));
        }
        if (stored.flags) {
            document["flags"] = *stored.flags;
            row("flags", std::to_string(*stored.flags));
        }
        if (stored.written_at) line("written_at", "written at", shown_time(*stored.written_at));
        if (stored.fresh_until) {
            line("fresh_until", "fresh until", shown_time(*stored.fresh_until));
            document["expired"] = is_over(*stored.fresh_until);
            if (is_over(*stored.fresh_until)) {
                row("", "this is over: " + std::string{consequence_of_end(key, stored)}, Look::bad);
            }
        }
        about_loads(stored);
        if (stored.key) line("envelope_key", "key in it", visible(*stored.key, Shown::line));
        if (!stored.checksum_known) return;
        line("checksum", "checksum", stored.checksum_right ? "right" : "wrong",
             stored.checksum_right ? Look::good : Look::bad);
    }

    /// What programs tell each other of their loads.
    void about_loads(const StoredBytes& stored) {
        json& document = session_.document;
        if (stored.load_cost) {
            row("load took", shown_lifetime(*stored.load_cost));
            document["load_seconds"] = std::chrono::duration<double>{*stored.load_cost}.count();
        }
        if (stored.lease) {
            const std::string until = shown_time(stored.lease->until);
            const std::string owner = digits(stored.lease->owner);
            const bool lease_is_over = is_over(stored.lease->until);
            document["lease"] = {{"until", until}, {"owner", owner}, {"over", lease_is_over}};
            row("lease until", until + ", of " + owner);
            row("", lease_is_over ? "this is over: another program may load it"
                                  : "a program is loading it");
        }
        if (stored.epoch) line("epoch", "epoch", digits(*stored.epoch));
    }

    void about_lifetime(const NamedKey& key) {
        json& document = session_.document;
        document["expires"] = nullptr;
        document["remaining_seconds"] = nullptr;
        if (!target_.capabilities().tells_lifetimes) return;
        Lifetime left;
        const Outcome outcome = target_.cache().backend().remaining_lifetime(key.final_key, left);
        if (outcome.failed()) return session_.failed("remaining lifetime: ", outcome.failure());
        if (outcome.declined()) return;
        row("kept for", left.is_never() ? "ever" : shown_lifetime(left));
        document["expires"] = !left.is_never();
        if (left.is_never()) return;
        document["remaining_seconds"] = std::chrono::duration<double>{left.duration()}.count();
    }

    void about_problems(const NamedKey& key, const StoredBytes& stored) {
        json& document = session_.document;
        const auto problem = not_found(target_, key, stored);
        if (problem) document["reason"] = to_string(problem->reason);
        if (stored.key && !belongs_to(target_, key, *stored.key)) {
            document["other_key"] = true;
            row("wrong", "it is the entry of another key", Look::bad);
        } else if (problem && stored.is_sound() && stored.body->empty()) {
            row("no value", problem->why);
        }
        if (stored.is_sound()) return;
        const std::string where = "offset " + std::to_string(stored.problem_at);
        document["problem"] = stored.problem;
        document["offset"] = stored.problem_at;
        document["first_bytes"] = hex(stored.bytes.substr(0, bytes_shown));
        row("wrong", stored.problem + " (" + where + ')', Look::bad);
        row("first bytes", hex(stored.bytes.substr(0, bytes_shown)));
    }

    /// The value; where the entry is broken, what is left of it, if anything.
    void about_value(const StoredBytes& stored) {
        std::optional<json> value;
        if (stored.kind == StoredBytes::Kind::integer) {
            if (stored.is_sound()) value = value_of(stored);
        } else if (stored.body && !stored.body->empty()) {
            detail::CborReader reader{*stored.body};
            std::string_view item;
            if (reader.skip(item)) value = json_from_cbor(item);
        }
        if (value) {
            session_.document["body"] = *value;
            session_.show("body\n" + text_of(*value) + '\n', Shown::json);
        } else if (stored.body && !stored.body->empty()) {
            session_.document["body_bytes"] = hex(*stored.body);
            row("body bytes", hex(*stored.body));
        }
    }

    Session& session_;
    const Target& target_;
};

}  // namespace

void dump(Session& session) {
    const Target target{session};
    const NamedKey key = target.key(session.arguments.words.front());
    const Answer answer = target.read(key);
    if (answer.failure) return session.failed(key.shown + ": ", *answer.failure);
    if (!answer.is_there) return session.absent(key.nothing_there());
    Dump{session, target}.about(key, take_apart(answer.bytes));
}

}  // namespace cachemodel::tool
