// cachemodel example: what happens when the cache fails.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>
#include <cachemodel/testing/scripted_backend.hpp>

#include <iostream>

using namespace cachemodel;

// [models]
struct Note {  // no loader: the cache is all there is
    Key<int> id;
    Field<std::string> text;
};

struct Page {  // a source stands behind it: the cache is a convenience
    Key<int> id;
    Field<std::string> text;
    void from_miss() { text = "from the source"; }
};
// [/models]

int main() {
    const auto backend = std::make_shared<testing::ScriptedBackend>();
    const Cache cache{backend};
    const Models<Note> notes{cache};
    const Models<Page> pages{cache};

    notes.save({.id = 1, .text = "remember"});
    backend->go_down(BackendFault::unavailable);

    // [store]
    try {
        notes.save({.id = 1, .text = "changed"});  // asked for, and failed: throws
    } catch (const BackendError& error) {
        std::cout << "save: " << to_string(error.fault()) << '\n';
    }
    const auto note = notes.find(1);  // three answers, not two
    std::cout << "find: " << (note.failed() ? "nobody knows" : "known") << '\n';
    // [/store]

    // [cache]
    std::cout << "get: " << pages.get(1).text << '\n';  // goes on, from the source
    const auto counted = cache.statistics();
    std::cout << counted.loads << " load, not written back: " << counted.stores
              << " entry stored\n";
    // [/cache]

    // [ignored]
    const Models<Note> easy{Cache{backend, {.ignore_errors = true}}};
    easy.save({.id = 1, .text = "changed"});  // does nothing, as nothing can be done
    std::cout << "exists: " << easy.exists(1) << '\n';
    try {
        std::cout << easy.get(1).text << '\n';
    } catch (const Missing& missing) {
        std::cout << missing.what() << '\n';
    }
    try {
        easy.remove(1);  // which must not be taken for done
    } catch (const BackendError& error) {
        std::cout << "remove: " << to_string(error.fault()) << '\n';
    }
    // [/ignored]
}
