// cachemodel: the command line tool: values under keys, and the keys.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/key_text.hpp>

#include "commands.hpp"
#include "entry.hpp"
#include "found.hpp"
#include "json_text.hpp"
#include "target.hpp"

namespace cachemodel::tool {

namespace {

using nlohmann::json;

/// A text as text, the rest as JSON.
void show_value(Session& session, const json& value, const StoredBytes& stored) {
    if (session.arguments.json) return;
    std::string_view bytes;
    if (value.is_string() && stored.kind == StoredBytes::Kind::entry) {
        session.show(value.get_ref<const std::string&>(), Shown::text);
    } else if (stored.body && detail::CborReader{*stored.body}.bytes(bytes)) {
        session.show(bytes, Shown::text);
    } else {
        session.show(text_of(value), Shown::json);
    }
    session.screen.write("\n");
}

class Getter {
 public:
    Getter(Session& session, const Target& target) : session_(session), target_(target) {
        session_.document["entries"] = json::array();
    }

    void get(const NamedKey& key, const Answer& answer, bool is_only_one) {
        json entry{{"key", key.shown}, {"final_key", visible(key.final_key, Shown::line)}};
        entry["state"] = "absent";
        if (answer.failure) {
            entry["state"] = "failed";
            session_.failed(key.shown + ": ", *answer.failure);
        } else if (!answer.is_there) {
            session_.absent(key.nothing_there());
        } else if (session_.arguments.raw) {
            entry["state"] = "found";
            entry["raw"] = bytes_as_json(answer.bytes);
            show_raw(answer.bytes);
        } else {
            show(key, answer, is_only_one, entry);
        }
        session_.document["entries"].push_back(std::move(entry));
    }

 private:
    void show_raw(std::string_view bytes) {
        if (session_.arguments.json) return;
        session_.screen.show(bytes, Shown::text);
        if (session_.screen.is_terminal()) session_.screen.write("\n");
    }

    void show(const NamedKey& key, const Answer& answer, bool is_only_one, json& entry) {
        const StoredBytes stored = take_apart(answer.bytes);
        if (const auto problem = not_found(target_, key, stored)) {
            entry["reason"] = to_string(problem->reason);
            return session_.absent(key.shown + ": " + problem->why);
        }
        const auto value = value_of(stored);
        if (!value) return session_.absent(key.shown + ": JSON has no words for its body");
        entry["state"] = "found";
        entry["value"] = *value;
        if (is_only_one) return show_value(session_, *value, stored);
        if (session_.arguments.json) return;
        session_.show(key.shown + '\t', Shown::text);
        session_.show(line_of(*value) + '\n', Shown::json);
    }

    Session& session_;
    const Target& target_;
};

/// Prints keys without the head that all of them have, and stops after so many.
class KeyPrinter final : public KeySink {
 public:
    struct Enough {};

    KeyPrinter(Session& session, std::size_t head) : session_(session), head_(head) {}

    bool has_none() const noexcept { return count_ == 0; }

    void key(std::string_view key) override {
        if (session_.arguments.limit == count_) throw Enough{};
        ++count_;
        const std::string line = visible(key.substr(head_), Shown::line);
        session_.show_line(line);
        if (session_.arguments.json) session_.document["keys"].push_back(line);
    }

 private:
    Session& session_;
    std::size_t head_;
    std::size_t count_ = 0;
};

}  // namespace

void get(Session& session) {
    const Target target{session};
    const auto keys = target.keys(session.arguments.words);
    const auto answers = target.read(keys);
    Getter getter{session, target};
    for (std::size_t i = 0; i < keys.size(); ++i) {
        getter.get(keys[i], answers[i], keys.size() == 1);
    }
}

void keys(Session& session) {
    const Target target{session};
    const auto& words = session.arguments.words;
    const std::string prefix = words.empty() ? "" : target.plain(words.front());
    const Cache& cache = target.cache();
    const std::string head =
        session.arguments.final_keys ? "" : plain_keys(cache.prefix(), cache.version(), {});
    session.document["keys"] = json::array();
    session.document["complete"] = false;
    KeyPrinter printer{session, head.size()};
    try {
        cache.backend().list_keys(head + prefix, printer);
        session.document["complete"] = true;
        // Whoever reads a pipe is told by its end.
        if (printer.has_none() && session.screen.is_terminal() && !session.arguments.json) {
            const std::string begin = visible(head + prefix, Shown::line);
            session.screen.complain(begin.empty() ? "there are no keys"
                                                  : "no key begins with " + begin);
        }
    } catch (const KeyPrinter::Enough&) {  // the document says so
    }
}

}  // namespace cachemodel::tool
