# cachemodel: builds the project of this folder on the library in one `way`, and runs it. The way
# `subdirectory` makes the libraries of the way that the build around it does not make, so that
# these can be installed from there.
# SPDX-License-Identifier: MIT

cmake_minimum_required(VERSION 3.25)

function(run)
    execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

set(consumer "${CMAKE_CURRENT_LIST_DIR}")
# Neither optimized nor for a debugger: that builds fastest.
set(common -G "${generator}" --log-level=WARNING
    "-DCMAKE_CXX_COMPILER=${compiler}" "-DCMAKE_CXX_FLAGS=${flags}" -DCMAKE_BUILD_TYPE=None
)

if(way STREQUAL "subdirectory")
    set(shared ON)
    if(built_way STREQUAL "shared")
        set(shared OFF)
    endif()
    set(where "-DCACHEMODEL_SUBDIRECTORY=${library}"
        "-DBUILD_SHARED_LIBS=${shared}"
        -DCACHEMODEL_INSTALL=ON
    )
else()
    if(NOT way STREQUAL built_way)
        set(built "${subdirectory}/program")
    endif()
    # What an earlier install left behind must not hide a file that is no longer installed.
    file(REMOVE_RECURSE "${work}/stage")
    run("${CMAKE_COMMAND}" --install "${built}" --prefix "${work}/stage")
    set(where "-DCMAKE_PREFIX_PATH=${work}/stage")

    # The reader and writer for other languages, from where it is installed.
    run("${CMAKE_COMMAND}" -E env "PYTHONPATH=${work}/stage/share/cachemodel"
        python3 -B "${consumer}/read_entry.py" "${work}/stage"
    )
endif()

run("${CMAKE_COMMAND}" ${common} -S "${consumer}" -B "${work}/program" "${where}")
run("${CMAKE_COMMAND}" --build "${work}/program")
run("${work}/program/program")
run("${work}/program/wrapped_program")
